"""From a validated spec to the policy it describes: the one place that knows all of them."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskpolicy.errors import InputError
from maskpolicy.policies import specs

if TYPE_CHECKING:
    from maskpolicy.policies.base import Policy

# kind -> "module:class"; imported only when the policy is built, so that reading a configuration
# costs nothing.
IMPLEMENTATIONS = {
    "fully-explored": "fully_explored:FullyExplored",
    "gap-sentences": "sentences:GapSentences",
    "idf": "informative:RareWords",
    "informative": "informative:InformativeWords",
    "mask-first-sentences": "sentences:FirstSentences",
    "mask-random-sentences": "random_units:RandomUnits",
    "meta": "meta.policy:MetaLearned",
    "orig-infill": "infilling:TextInfilling",
    "pmi": "correlated_spans:CorrelatedSpans",
    "pos": "parts_of_speech:PartsOfSpeech",
    "rand": "random_units:RandomUnits",
    "selective": "selective.policy:SelectiveMasking",
    "span": "random_spans:RandomSpans",
    "ssm": "salient_spans:SalientSpans",
    "supervised": "supervised.policy:SupervisedSpans",
    "whole-word": "random_units:RandomUnits",
}


def build_policy(
    spec: specs.Spec, statistics: Path | None = None, networks: Path | None = None
) -> "Policy":
    """The policy that `spec` describes.

    `statistics` is the folder of the corpus's `{statistic}.arrow` files that `statistics_needed`
    names, `networks` that of the `{network}/` folders that `networks_needed` names. Raises
    InputError when one is needed and missing, ArtefactError when a file in it is.
    """
    if isinstance(spec, specs.Mixture):
        from maskpolicy.policies.mixture import Mixture

        policies = [
            build_policy(component.policy, statistics, networks) for component in spec.components
        ]
        return Mixture(policies, [component.weight for component in spec.components])
    implementation = _load(IMPLEMENTATIONS[spec.kind])
    if isinstance(spec, specs.Learned):
        if networks is None:
            raise InputError(f"policy {spec.kind!r} needs its trained network {spec.network!r}")
        return implementation(spec, networks / spec.network)
    needed = statistics_needed(spec)
    if not needed:
        return implementation(spec)
    if statistics is None:
        raise InputError(f"policy {spec.kind!r} needs the corpus's statistics: {', '.join(needed)}")
    return implementation(spec, statistics)


def annotations_needed(spec: specs.Spec) -> bool:
    """Whether the policy reads the annotation columns."""
    if isinstance(spec, specs.Mixture):
        return any(annotations_needed(component.policy) for component in spec.components)
    return isinstance(spec, specs.Ssm | specs.PartsOfSpeech)


def inserts_masks(spec: specs.Spec) -> bool:
    """Whether the policy may insert masks where no token is, as its `inserts` says once built."""
    if isinstance(spec, specs.Mixture):
        return any(inserts_masks(component.policy) for component in spec.components)
    return isinstance(spec, specs.OrigInfill)


def statistics_needed(spec: specs.Spec) -> tuple[str, ...]:
    """Which of STATISTICS the policy reads, sorted."""
    match spec:
        case specs.Mixture():
            parts = [statistics_needed(component.policy) for component in spec.components]
            return tuple(sorted(set().union(*parts)))
        case specs.CorrelatedSpans():
            return ("collocations",)
        case specs.InformativeWords():
            return ("cooccurrence",)
        case specs.RareWords():
            return ("word-frequencies",)
        case _:
            return ()


def networks_needed(spec: specs.Spec) -> tuple[str, ...]:
    """The names of the trained networks that the policy decides with, sorted."""
    if isinstance(spec, specs.Mixture):
        parts = [networks_needed(component.policy) for component in spec.components]
        return tuple(sorted(set().union(*parts)))
    return (spec.network,) if isinstance(spec, specs.Learned) else ()


def _load(address: str) -> Any:
    module, _, attribute = address.partition(":")
    return getattr(import_module(f"maskpolicy.policies.{module}"), attribute)
