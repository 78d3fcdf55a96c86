"""The networks that policies decide with, one by one: how each was learned, and what it masks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskpolicy.analysis.benchmarks import read_benchmark
from maskpolicy.arms import NO_POLICY
from maskpolicy.artefacts import read_json
from maskpolicy.decisions.budgets import read_budgets
from maskpolicy.errors import ArtefactError
from maskpolicy.reporting import text
from maskpolicy.site.masks import MaskFiles
from maskpolicy.site.overview import in_words
from maskpolicy.site.pages import settings_text
from maskpolicy.site.results import StudyResults

SPLITS = ("train", "dev")
"""Of a task, that a network learns from; a manifest counts what was found in each."""


@dataclass(frozen=True)
class NetworkArm:
    """An arm that decides with a network, or the control of one."""

    name: str
    files: MaskFiles  # its masks of a corpus, among others
    says: str  # what it masks, in words
    masked: str  # share of the corpus's tokens


@dataclass(frozen=True)
class NetworkPage:
    """A trained network as its page has it."""

    name: str
    method: str
    task: str
    facts: list[tuple[str, str]]
    splits: list[str]
    counts: list[tuple[str, list[str]]]  # what was counted, and the figure of each of its splits
    settings: str
    figure: str  # of its learning, below the site; empty where there is none
    kept: str  # what of it was kept, which the figure marks; empty where that is not known
    users: list[str]  # all arms that decide with it
    arms: list[NetworkArm]  # those whose masks are there

    @property
    def shown(self) -> list[NetworkArm]:
        """The arms whose masks its page shows: those of the first corpus, all on one page."""
        return [arm for arm in self.arms if arm.files is self.arms[0].files]

    @property
    def unmasked(self) -> list[str]:
        """The arms that decide with it whose masks are not there."""
        return [arm for arm in self.users if arm not in {each.name for each in self.arms}]

    @property
    def id(self) -> str:
        """Of its training, among all."""
        return f"networks/{self.name}"

    @property
    def page(self) -> str:
        """The file of its page."""
        return f"network-{self.name}.html"


def network_pages(results: StudyResults, masked: Sequence[MaskFiles]) -> Iterator[NetworkPage]:
    """The networks that are there. Raises ArtefactError, naming a damaged file."""
    arms = [arm for arm in dict.fromkeys(a.name for a in results.plan.arms) if arm != NO_POLICY]
    for name, record in results.study.networks.items():
        folder = results.folder / "networks" / name
        if not (folder / "manifest.json").is_file():
            continue
        manifest = read_json(folder / "manifest.json")
        if not isinstance(manifest, dict):
            raise ArtefactError(f"{folder / 'manifest.json'} is no manifest: train {name} again")
        curve, of_splits = folder / "learning-curve.svg", _of_splits(manifest)
        yield NetworkPage(
            name=name,
            method=record.method,
            task=record.task,
            facts=[
                ("starts from", results.plan.first_start(record).folder),
                *_seconds(results.folder / "benchmarks" / "train_policy" / f"{name}.tsv"),
                *_facts(manifest),
            ],
            splits=list(of_splits),
            counts=_counts(of_splits),
            settings=settings_text(record),
            figure=f"figures/networks/{name}.svg" if curve.is_file() else "",
            kept=_kept(manifest),
            users=[arm for arm in arms if name in results.study.policy(arm).decide.networks],
            arms=[
                _arm(results, files, arm)
                for files in masked
                for arm in files.arms
                if name in results.study.policy(arm).decide.networks
            ],
        )


def _arm(results: StudyResults, files: MaskFiles, arm: str) -> NetworkArm:
    manifests = results.plan.masks_of_shards(files.corpus, files.tokenizer, arm)
    (budget,) = read_budgets([results.at(manifest) for manifest in manifests]).values()
    return NetworkArm(
        name=arm,
        files=files,
        says=in_words(results, arm),
        masked=text.percent_text(budget.rate),
    )


def _seconds(benchmark: Path) -> list[tuple[str, str]]:
    if not benchmark.is_file():
        return []
    return [("trained in", f"{read_benchmark(benchmark):,.0f} seconds")]


def _facts(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What it says in single figures; its curves are drawn, its settings shown by themselves."""
    for key, value in manifest.items():
        if key not in ("files", "training", "method", "task", *SPLITS):
            of_it = value.items() if isinstance(value, dict) else [("", value)]
            for inner, figure in of_it:
                if isinstance(figure, str | int | float):
                    yield _words(f"{key}, {inner}" if inner else key), _figure(figure)


def _of_splits(manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What was counted in each split: in the manifest itself, or in a record of it."""
    for record in (manifest, *manifest.values()):
        if isinstance(record, dict) and isinstance(record.get(SPLITS[0]), dict):
            return {split: record[split] for split in SPLITS if isinstance(record.get(split), dict)}
    return {}


def _counts(of_splits: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, list[str]]]:
    keys = dict.fromkeys(key for counted in of_splits.values() for key in counted)
    return [
        (_words(key), [_figure(counted.get(key, text.ABSENT)) for counted in of_splits.values()])
        for key in keys
    ]


def _kept(manifest: Mapping[str, Any]) -> str:
    """The best step or epoch, of a selective network that of its selector."""
    for whose, record in (("", manifest), ("selector's ", manifest.get("selector"))):
        for unit in ("step", "epoch"):
            if isinstance(record, dict) and f"best_{unit}" in record:
                return f"the {whose}best {unit}, {_figure(record[f'best_{unit}'])}"
    return ""


def _words(key: str) -> str:
    return key.replace("_", " ")


def _figure(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int | float) else str(value)
