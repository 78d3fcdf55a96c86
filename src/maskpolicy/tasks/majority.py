"""What a model scores that has learnt nothing but which answer is the commonest."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import Field

from maskpolicy.arrow_files import read_table
from maskpolicy.errors import InputError
from maskpolicy.evaluation.predictions import Predictions
from maskpolicy.evaluation.runs import ExampleStatistics
from maskpolicy.evaluation.specs import MetricName
from maskpolicy.records import JsonRecord
from maskpolicy.sources.base import SPLITS
from maskpolicy.tasks.facts import Drift, read_task_facts
from maskpolicy.tasks.specs import Split


class Majority(JsonRecord):
    """The commonest answer or label of a train split, and its scores as every prediction of test.

    Scores lie in [0, 1], of correlations in [-1, 1]: those of a constant are 0. Where an example
    has choices and the answer is none of them, the choice at `position` is what it chooses.
    """

    task: str
    answer: str
    share: float  # of the train examples, in (0, 1]
    position: int | None = None  # from 1, of the choices: where in train the right one mostly is
    metrics: dict[str, float]
    # Of the task, for who reads the scores:
    dev_as_test: bool = False
    drift: dict[Split, Drift] = Field(default_factory=dict)
    shared: int = 0  # test examples that train or dev ask, too


def score_majority(folder: Path, task: str, metrics: Sequence[MetricName], output: Path) -> None:
    """Score the commonest answer of a prepared task and write a :class:`Majority`.

    Of equally common ones it is the first by its text. An example of a seq2seq task counts by its
    target, a regression's by its number as it is written. Of choices that are others in each
    example the commonest position is taken. Raises ArtefactError, naming the file, and InputError,
    naming the task, when a metric can't score its answers.
    """
    facts = read_task_facts(folder)
    target, answers = ("target", "answers") if facts.kind == "seq2seq" else ("label", "label")
    splits = {split: read_table(folder / f"{split}.arrow") for split in SPLITS}
    counts = Counter(splits["train"].column(target).to_pylist())
    answer = _commonest(counts)
    position = _commonest(_right_positions(splits["train"]))
    test = splits["test"]
    gold = [
        [right] if isinstance(right, str) else right for right in test.column(answers).to_pylist()
    ]
    labels: set[str] = set()
    if facts.kind == "classification" and not facts.regression:
        labels.update(*(table.column("label").to_pylist() for table in splits.values()))
    try:
        chosen = [{_chosen(answer, position, some): 0.0} for some in _choices(test)]
        predicted = Predictions(test.column("id").to_pylist(), [answer] * len(gold), gold, chosen)
        scored = ExampleStatistics.of(predicted, metrics, sorted(labels))
    except ValueError as error:
        raise InputError(f"tasks.{task}: the commonest answer can't be scored: {error}") from None
    Majority(
        task=task,
        answer=answer,
        share=counts[answer] / len(splits["train"]),
        position=position,
        metrics=scored.scores,
        dev_as_test=facts.dev_as_test,
        drift=facts.drift,
        shared=facts.repeats.shared.get("test", 0),
    ).write(output)


def _commonest(counts: Mapping[Any, int]) -> Any:
    """Of equally common ones the first; None of none."""
    return min(counts, key=lambda each: (-counts[each], each), default=None)


def _choices(split: pa.Table) -> list[list[str]]:
    """Of each example; none where nothing is to be chosen."""
    if "choices" not in split.column_names:
        return [[] for _ in range(len(split))]
    return split.column("choices").to_pylist()


def _right_positions(split: pa.Table) -> Counter[int]:
    """How many examples have the right one of their choices in which place, from 1."""
    if "choices" not in split.column_names:
        return Counter()
    pairs = zip(_choices(split), split.column("target").to_pylist(), strict=True)
    return Counter(some.index(target) + 1 for some, target in pairs if target in some)


def _chosen(answer: str, position: int | None, choices: Sequence[str]) -> str:
    """What of an example's choices is taken, without a look at anything else."""
    if answer in choices or position is None or len(choices) < position:
        return answer
    return choices[position - 1]
