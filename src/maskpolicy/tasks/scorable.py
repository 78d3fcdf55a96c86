"""Whether metrics can score the answers of a task at all, found out before anything is trained."""

import sys
from collections.abc import Sequence
from pathlib import Path

from maskpolicy.artefacts import write_json
from maskpolicy.errors import InputError
from maskpolicy.evaluation.metrics.base import ExampleMetric
from maskpolicy.evaluation.metrics.choices import ChoiceMetric
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.evaluation.runs import ROUNDING
from maskpolicy.sources.base import ClassificationExample, Example
from maskpolicy.tasks.facts import read_task_facts


def check_metrics(task: Path, name: str, metrics: Sequence[str], output: Path) -> None:
    """Score the answers of a task against themselves, which must be perfect, and write the counts.

    `task` is its folder. Every metric scores the test split, and the first one, by which dev
    chooses, dev too; of several acceptable answers the first is what is predicted. Where a metric
    can't score some of them, their number is said on the terminal; raises InputError, naming task,
    metric and an example, where it can't score any, and ArtefactError, naming the file that can't
    be read.
    """
    examples = {split: _examples(task, split) for split in ("dev", "test")}
    checks = [("dev", metrics[0]), *(("test", metric) for metric in metrics)]
    counts = [_check(examples[split], split, name, metric) for split, metric in checks]
    write_json(output, {"task": name, "checked": counts})


def _examples(task: Path, split: str) -> Sequence[Example] | Sequence[ClassificationExample]:
    path = task / f"{split}.arrow"
    match read_task_facts(task).kind:
        case "seq2seq":
            from maskpolicy.tasks.seq2seq import read_examples

            return read_examples(path)
        case "classification":
            from maskpolicy.tasks.classification import read_classification_examples

            return read_classification_examples(path)


def _check(
    examples: Sequence[Example] | Sequence[ClassificationExample],
    split: str,
    task: str,
    metric: str,
) -> dict[str, str | int]:
    answers = [example.answers for example in examples]
    found, gold = find_metric(metric), [some[0] for some in answers]
    problem = f"tasks.{task}.metrics: {metric} can't score"
    if isinstance(found, ChoiceMetric):
        without = [example.id for example in examples if not getattr(example, "choices", ())]
        if without:
            some = f"{len(without)} of {len(gold)} examples of {split}, as {without[0]!r}"
            raise InputError(f"{problem} {some}: they have no choices")
    try:
        statistics = found.statistics(gold, answers)
    except ValueError as error:
        raise InputError(f"{problem} the answers of {split}: {error}") from None
    if isinstance(found, ExampleMetric):
        wrong = [text for text, row in zip(gold, statistics, strict=True) if row[0] < 1 - ROUNDING]
    else:
        wrong = gold if found.score(statistics.mean(axis=0)) < 1 - ROUNDING else []
    if wrong:
        some = f"{len(wrong)} of {len(gold)} answers of {split}, as {wrong[0]!r}"
        told = f"{problem} {some}: what is right has no full score"
        if len(wrong) == len(gold):
            raise InputError(told)
        print(told, file=sys.stderr)
    return {
        "metric": metric,
        "split": split,
        "answers": len(gold),
        "scored": len(gold) - len(wrong),
    }
