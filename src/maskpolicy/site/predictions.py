"""What runs answered, question by question, joined to what was masked before."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow.compute as pc

from maskpolicy.arms import NO_POLICY
from maskpolicy.arrow_files import read_table
from maskpolicy.evaluation.metrics.base import Metric, SplitMetric
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.evaluation.normalisation import normalise_label
from maskpolicy.evaluation.predictions import PREDICTIONS, TEST, Predictions
from maskpolicy.evaluation.runs import ExampleStatistics, Run
from maskpolicy.site.answers import AnswerPlaces, find_answers
from maskpolicy.site.masks import CorpusMasks, MasksRead, corpus_read, masks_read
from maskpolicy.site.overview import TablePage
from maskpolicy.site.pages import write_part
from maskpolicy.site.results import StudyResults

RIGHT = 0.5
"""The least score of a right answer; that of exact match and accuracy is 0 or 1."""

Corpora = Mapping[tuple[str, str], CorpusMasks]
"""What was read of masks, by their corpus and tokenizer."""

Places = Mapping[tuple[str, str], AnswerPlaces]
"""Where the answers of a task stand, by corpus and tokenizer."""

MOST_PREDICTIONS = 200_000
"""That a page holds."""

MOST_BUCKETS = 24
LONGEST = 600
"""Characters of a question, context or prediction that a page holds."""


@dataclass(frozen=True)
class ArmPredictions:
    """What the R runs of an arm say of N examples, and which of it is right."""

    label: str
    arm: str
    masks: tuple[str, str]  # corpus and tokenizer of what it was pre-trained on
    read: MasksRead | None  # of which so many; None where there are none
    said: list[list[str]]  # [R][N]
    right: np.ndarray  # bool [R, N]

    @property
    def share(self) -> np.ndarray:
        """The share of its runs that are right on each example, float64 [N]."""
        return self.right.mean(axis=0)


@dataclass(frozen=True)
class TaskPredictions:
    """The test examples of a task, and what the arms of a table answer."""

    table: str
    task: str
    rule: str  # whom an example counts as answered by, in words
    kind: str  # "seq2seq" or "classification", as of the task's record
    ids: list[str]
    sources: list[str]
    contexts: list[str]
    answers: list[list[str]]
    arms: list[ArmPredictions]

    @property
    def name(self) -> str:
        """What its page and its data are called."""
        return f"{self.table}.{self.task}"

    @property
    def page(self) -> str:
        """The file of its page."""
        return f"predictions-{self.name}.html"


@dataclass(frozen=True)
class MaskedAnswers:
    """Of one arm: how often it masked the answer of each example, and what came of it."""

    label: str
    read: MasksRead
    epochs: int  # whose masks are counted: those read, but for ones that are not there
    times: np.ndarray  # int64 [N]
    chances: np.ndarray  # int64 [N]; 0 where the answer is nowhere in the corpus
    share: np.ndarray  # of runs that are right, float64 [N]

    @property
    def masks(self) -> str:
        """What is counted, in words."""
        if self.epochs == self.read.epochs:
            return str(self.read)
        counted = "the first is" if self.epochs == 1 else f"the first {self.epochs} are"
        return f"{self.read}; only {counted} counted, others are not here"

    def cell(self, masked: bool) -> tuple[float, float]:
        """Of the questions whose answer was masked, or never was: the mean number that a run
        answers, and that it does not.
        """
        of_these = (self.chances > 0) & ((self.times > 0) == masked)
        right = float(self.share[of_these].sum())
        return right, int(of_these.sum()) - right

    def answered(self, masked: bool) -> float | None:
        """The share that is answered of those; None of none."""
        right, wrong = self.cell(masked)
        return right / (right + wrong) if right + wrong else None

    def by_share(self) -> list[tuple[int, float | None]]:
        """How many questions, and the share answered, by how often it was masked of its chances:
        never, up to a quarter, up to three quarters, more.
        """
        often = np.divide(self.times, np.maximum(self.chances, 1))
        edges = [(-1.0, 0.0), (0.0, 0.25), (0.25, 0.75), (0.75, 1.0)]
        bins = [(self.chances > 0) & (often > low) & (often <= high) for low, high in edges]
        return [(int(b.sum()), float(self.share[b].mean()) if b.any() else None) for b in bins]


@dataclass(frozen=True)
class Buckets:
    """The examples sorted by something, and the share answered in each bucket by each arm."""

    title: str
    rows: list[tuple[str, int, list[float]]]  # bucket, examples, share of each arm


def read_predictions(results: StudyResults, table: TablePage) -> Iterator[TaskPredictions]:
    """What the runs of a table say of each of its tasks, but for those of numbers, of which none is
    right or wrong. Raises ArtefactError, naming the file.
    """
    study, files = results.study, table.planned.files
    for name in table.planned.record.tasks:
        if getattr(study.tasks[name], "regression", False):
            continue
        examples = read_table(results.folder / "tasks" / name / "test.arrow")
        examples = examples.take(pc.sort_indices(examples.column("id")))
        metric = find_metric(study.tasks[name].metrics[0])
        arms, ids, answers, graded = [], [], [], False
        for row, (number, model, planned) in zip(files.rows, table.planned.rows, strict=True):
            runs = [results.at(run) for run in row.runs if Path(run).parts[-4] == name]
            read = [_read_run(run, metric) for run in runs]
            ids, answers = read[0].ids, read[0].answers
            graded = graded or any(run.graded for run in read)
            arms.append(
                ArmPredictions(
                    label=table.view.called(table.view.blocks[number], row.name),
                    arm=row.arm,
                    masks=corpus_read(results, model, planned.stage),
                    read=masks_read(results, model, planned.stage, row.arm),
                    said=[run.said for run in read],
                    right=np.stack([run.right for run in read]),
                )
            )
        texts = {i: n for n, i in enumerate(examples.column("id").to_pylist())}
        place = [texts[i] for i in ids]
        source, context = (
            _column(examples, names, place) for names in (("source", "text"), ("context", "pair"))
        )
        yield TaskPredictions(
            table=table.name,
            task=name,
            rule=rule_of(metric, graded),
            kind=study.tasks[name].kind,
            ids=ids,
            sources=source,
            contexts=context,
            answers=answers,
            arms=arms,
        )


def answer_places(task: TaskPredictions, corpora: Corpora) -> Places:
    """Where the answers stand in the corpora of its arms, in their order; the label of a class
    stands in none.
    """
    return {
        key: find_answers(corpora[key], task.answers, task.contexts)
        for key in dict.fromkeys(arm.masks for arm in task.arms)
        if key in corpora and task.kind != "classification"
    }


def masked_answers(task: TaskPredictions, corpora: Corpora, found: Places) -> list[MaskedAnswers]:
    """Of every arm that masks what is there: how often it masked the answers."""
    joined = []
    for arm in task.arms:
        if arm.read and arm.masks in found:
            masks, places = corpora[arm.masks], found[arm.masks]
            epochs = min(arm.read.epochs, len(masks.masks[arm.arm]))
            times = places.times_masked(masks, arm.arm, epochs)
            chances = places.count * epochs
            joined.append(MaskedAnswers(arm.label, arm.read, epochs, times, chances, arm.share))
    return joined


def without_masks(task: TaskPredictions) -> list[str]:
    """The arms that mask and whose masks are not there, or not all of them."""
    return [arm.label for arm in task.arms if arm.arm != NO_POLICY and not arm.read]


def error_buckets(task: TaskPredictions, frequency: np.ndarray | None) -> list[Buckets]:
    """Where arms are right, by what the examples are."""
    sorted_by: dict[str, Sequence[str]] = {}
    if relations := relations_of(task):
        sorted_by["Gold label" if task.kind == "classification" else "Relation"] = relations
    if task.kind != "classification":
        lengths = [min(len(some[0].split()), 6) for some in task.answers]
        sorted_by["Words of the answer"] = [str(n) if n < 6 else "6 or more" for n in lengths]
        if frequency is not None:
            sorted_by["Places of the answer in the corpus"] = [_places(n) for n in frequency]
    return [_buckets(title, keys, task.arms) for title, keys in sorted_by.items()]


def relations_of(task: TaskPredictions) -> list[str]:
    """Of each example its relation, which is the last part of ids that have parts, or the gold
    label; of tasks without either nothing.
    """
    if task.kind == "classification":
        keys = [some[0] for some in task.answers]
    elif all("/" in i for i in task.ids):
        keys = [i.rpartition("/")[2] for i in task.ids]
    else:
        return []
    return keys if 1 < len(set(keys)) <= len(keys) / 4 else []


def write_predictions_part(
    site: Path,
    task: TaskPredictions,
    joined: Sequence[MaskedAnswers],
    in_masks: Sequence[str] | None,
) -> dict[str, Any]:
    """Write the data of its page, of very many predictions those of examples that lie evenly over
    all, with what finds the answers among the passages of a page of masks, if there is one.
    Returns what the page says of itself.
    """
    runs = sum(len(arm.said) for arm in task.arms)
    n = min(len(task.ids), max(1, MOST_PREDICTIONS // runs))
    shown = np.unique(np.linspace(0, len(task.ids) - 1, n).astype(int)).tolist()
    strings: dict[str, int] = {}

    def number(text: str) -> int:
        return strings.setdefault(_cut(text), len(strings))

    relations = relations_of(task)
    times = {arm.label: arm for arm in joined}
    arms = [
        {
            "label": arm.label,
            "said": [[number(said[i]) for i in shown] for said in arm.said],
            "right": ["".join("01"[int(right[i])] for i in shown) for right in arm.right],
            "times": [int(times[arm.label].times[i]) for i in shown]
            if arm.label in times
            else None,
        }
        for arm in task.arms
    ]
    write_part(
        site,
        f"predictions/{task.name}",
        {
            "ids": [task.ids[i] for i in shown],
            "sources": [_cut(task.sources[i]) for i in shown],
            "contexts": [_cut(task.contexts[i]) for i in shown],
            "answers": [list(map(_cut, task.answers[i])) for i in shown],
            "relations": [relations[i] for i in shown] if relations else None,
            "in_masks": [in_masks[i] for i in shown] if in_masks else None,
            "arms": arms,
            "strings": list(strings),
        },
    )
    return {
        "name": task.name,
        "arms": [arm.label for arm in task.arms],
        "relations": sorted(set(relations)),
        "shown": len(shown),
        "examples": len(task.ids),
    }


def right_answers(
    metric: Metric, statistics: np.ndarray, said: Sequence[str], answers: Sequence[Sequence[str]]
) -> np.ndarray:
    """Which of N predictions are right, bool [N], as :func:`rule_of` says in words."""
    if isinstance(metric, SplitMetric):  # which has no score of an example
        pairs = zip(said, answers, strict=True)
        return np.array([normalise_label(s) == normalise_label(some[0]) for s, some in pairs])
    return np.asarray(metric.score(statistics)) >= RIGHT


def rule_of(metric: Metric, graded: bool) -> str:
    """Which run an example counts as answered by; `graded` is a score that may be neither 0 nor
    1.
    """
    if isinstance(metric, SplitMetric):
        return f"a run that predicts its label, compared as {metric.label} does"
    return f"a run whose {metric.label} on it is {f'at least {RIGHT:g}' if graded else 1}"


@dataclass(frozen=True)
class _Run:
    """What a run says of N examples, in the order of their ids."""

    ids: list[str]
    answers: list[list[str]]
    said: list[str]
    right: np.ndarray  # bool [N]
    graded: bool  # whether any score is neither 0 nor 1


def _read_run(metrics: Path, metric: Metric) -> _Run:
    run = Run.read(metrics)
    statistics = ExampleStatistics.read(metrics, run)
    read = Predictions.read(metrics.with_name(PREDICTIONS[TEST]))
    place = {i: n for n, i in enumerate(read.ids)}
    ids = statistics.ids.to_pylist()
    said = [read.predictions[place[i]] for i in ids]
    answers = [list(read.answers[place[i]]) for i in ids]
    of_examples = statistics.statistics[metric.name]
    right = right_answers(metric, of_examples, said, answers)
    graded = not isinstance(metric, SplitMetric) and not np.isin(of_examples, (0, 1)).all()
    return _Run(ids, answers, said, right, graded)


def _column(examples: Any, names: Sequence[str], place: Sequence[int]) -> list[str]:
    for name in names:
        if name in examples.column_names:
            texts = examples.column(name).to_pylist()
            return [texts[i] or "" for i in place]
    return [""] * len(place)


def _buckets(title: str, keys: Sequence[str], arms: Sequence[ArmPredictions]) -> Buckets:
    common = [key for key, _ in Counter(keys).most_common(MOST_BUCKETS)]
    named = [key if key in common else "(all others)" for key in keys]
    rows = []
    for key in sorted(set(named), key=_order):
        here = np.array([name == key for name in named])
        rows.append((key, int(here.sum()), [fmean(arm.share[here]) for arm in arms]))
    return Buckets(title, rows)


def _order(key: str) -> tuple[bool, int, str]:
    """Numbers by their size, words by the alphabet, all others last."""
    first = re.match(r"\d+", key)
    return key.startswith("("), int(first[0]) if first else 0, key


def _places(number: int) -> str:
    for low, high in ((0, 0), (1, 1), (2, 5), (6, 20), (21, 100)):
        if number <= high:
            return str(low) if low == high else f"{low}–{high}"
    return "101 or more"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
