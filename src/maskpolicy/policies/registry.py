"""From a validated spec to the policy it describes: the one place that knows all of them."""

from importlib import import_module

from maskpolicy.config import CONTROL
from maskpolicy.policies.base import Policy
from maskpolicy.policies.specs import Spec

# kind -> "module:class"; imported only when the policy is built, so that reading a configuration
# costs nothing.
IMPLEMENTATIONS = {
    "orig-infill": "infilling:TextInfilling",
    "rand": "random_tokens:RandomTokens",
    "ssm": "salient_spans:SalientSpans",
}


def build_policy(name: str, spec: Spec) -> Policy:
    """The policy called `name`, described by `spec`; `<policy>@control` is its control."""
    module, _, attribute = IMPLEMENTATIONS[spec.kind].partition(":")
    policy = getattr(import_module(f"maskpolicy.policies.{module}"), attribute)(spec)
    if name.endswith(CONTROL):
        from maskpolicy.policies.control import MatchedControl

        return MatchedControl(policy, name.removesuffix(CONTROL))
    return policy


def annotations_needed(spec: Spec) -> bool:
    """Whether the policy reads the annotation columns."""
    return spec.kind in {"ssm"}
