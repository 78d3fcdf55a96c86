"""The networks that policies decide with, one by one: how each was learned, and what it masks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from maskpolicy.analysis.benchmarks import read_benchmark
from maskpolicy.artefacts import read_json
from maskpolicy.decisions.budgets import read_budgets
from maskpolicy.reporting import text
from maskpolicy.site.masks import MaskFiles
from maskpolicy.site.overview import in_words
from maskpolicy.site.results import StudyResults


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
    settings: str
    figure: str  # of its learning, below the site; empty where there is none
    arms: list[NetworkArm]

    @property
    def shown(self) -> list[NetworkArm]:
        """The arms whose masks its page shows: those of the first corpus, all on one page."""
        return [arm for arm in self.arms if arm.files is self.arms[0].files]

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
    for name, record in results.study.networks.items():
        folder = results.folder / "networks" / name
        if not (folder / "manifest.json").is_file():
            continue
        curve = folder / "learning-curve.svg"
        yield NetworkPage(
            name=name,
            method=record.method,
            task=record.task,
            facts=[
                ("starts from", results.plan.first_start(record).folder),
                *_seconds(results.folder / "benchmarks" / "train_policy" / f"{name}.tsv"),
                *_facts(read_json(folder / "manifest.json")),
            ],
            settings=json.dumps(to_jsonable_python(record), indent=2, ensure_ascii=False),
            figure=f"figures/networks/{name}.svg" if curve.is_file() else "",
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
        if key not in ("files", "training", "method", "task"):
            yield from _lines(key, value if isinstance(value, dict) else {"": value})


def _lines(title: str, record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A record's figures, and the records in it."""
    figures = {key: value for key, value in record.items() if isinstance(value, str | int | float)}
    if figures:
        said = text.listed(f"{key} {_figure(value)}".strip() for key, value in figures.items())
        yield title.replace("_", " "), said.replace("_", " ")
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _lines(f"{title}, {key}", value)


def _figure(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:,}"
