"""What a model scores that has learnt nothing but which answer is the commonest."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

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

    Scores lie in [0, 1], of correlations in [-1, 1]: those of a constant are 0.
    """

    task: str
    answer: str
    share: float  # of the train examples, in (0, 1]
    metrics: dict[str, float]
    # Of the task, for who reads the scores:
    dev_as_test: bool = False
    drift: dict[Split, Drift] = Field(default_factory=dict)
    shared: int = 0  # test examples that train or dev ask, too


def score_majority(folder: Path, task: str, metrics: Sequence[MetricName], output: Path) -> None:
    """Score the commonest answer of a prepared task and write a :class:`Majority`.

    Of equally common ones it is the first by its text. An example of a seq2seq task counts by its
    target, a regression's by its number as it is written. Raises ArtefactError, naming the file,
    and InputError, naming the task, when a metric can't score its answers.
    """
    facts = read_task_facts(folder)
    target, answers = ("target", "answers") if facts.kind == "seq2seq" else ("label", "label")
    splits = {split: read_table(folder / f"{split}.arrow") for split in SPLITS}
    counts = Counter(splits["train"].column(target).to_pylist())
    answer, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    test = splits["test"]
    gold = [
        [right] if isinstance(right, str) else right for right in test.column(answers).to_pylist()
    ]
    labels: set[str] = set()
    if facts.kind == "classification" and not facts.regression:
        labels.update(*(table.column("label").to_pylist() for table in splits.values()))
    try:
        # Which is what it chooses, too.
        predicted = Predictions(
            test.column("id").to_pylist(), [answer] * len(gold), gold, [{answer: 0.0}] * len(gold)
        )
        scored = ExampleStatistics.of(predicted, metrics, sorted(labels))
    except ValueError as error:
        raise InputError(f"tasks.{task}: the commonest answer can't be scored: {error}") from None
    Majority(
        task=task,
        answer=answer,
        share=count / len(splits["train"]),
        metrics=scored.scores,
        dev_as_test=facts.dev_as_test,
        drift=facts.drift,
        shared=facts.repeats.shared.get("test", 0),
    ).write(output)
