"""Downstream examples (context, source, target) with every acceptable answer, and their splits."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from maskpolicy.arrow_files import read_table, write_table
from maskpolicy.artefacts import atomic_directory, write_manifest
from maskpolicy.errors import ArtefactError
from maskpolicy.randomness import key
from maskpolicy.sources.base import Example, titled
from maskpolicy.tasks.specs import QaPairs, QaTask
from maskpolicy.text_files import read_json_lines, string_field

EXAMPLE_SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "context": pa.string(),
        "source": pa.string(),
        "target": pa.string(),
        "answers": pa.list_(pa.string()),
    }
)

SPLITS = ("train", "dev", "test")


def prepare_task(task: QaTask, documents: Path, output: Path) -> None:
    """Write train.arrow, dev.arrow and test.arrow (EXAMPLE_SCHEMA) and manifest.json to a folder.

    The manifest counts the examples of each split, how many ask for each relation, and how many
    have their context in the task's corpus, `documents`. Raises ArtefactError naming the file and
    line of the source that can't be read, or the split that would be empty.
    """
    if isinstance(task.examples, QaPairs):
        examples = read_qa_pairs(Path(task.examples.path))
    else:
        from maskpolicy.sources.factbook_questions import factbook_questions

        examples = factbook_questions()
    splits = split_examples(examples, task)
    for split, some in splits.items():
        if not some:
            raise ArtefactError(f"the {split} split of {len(examples)} examples would be empty")
    corpus = {titled(row["title"], row["text"]) for row in read_table(documents).to_pylist()}
    counts = {
        split: {
            "examples": len(some),
            "context_in_corpus": sum(example.context in corpus for example in some),
            "relations": dict(sorted(Counter(map(_relation, some)).items())),
        }
        for split, some in splits.items()
    }
    with atomic_directory(output) as folder:
        files = [folder / f"{split}.arrow" for split in splits]
        for file, some in zip(files, splits.values(), strict=True):
            write_examples(file, some)
        write_manifest(folder / "manifest.json", files, splits=counts)


def split_examples(examples: Sequence[Example], task: QaTask) -> dict[str, list[Example]]:
    """Deal examples to the splits, in exact shares, each split in the order of its examples.

    The examples are ranked by a hash of (split seed, id): the order they come in does not matter.
    Raises ArtefactError when two examples have the same id.
    """
    repeated = [name for name, n in Counter(example.id for example in examples).items() if n > 1]
    if repeated:
        raise ArtefactError(
            f"{len(repeated)} examples share their id with another, as {repeated[0]!r}"
        )
    ranked = sorted(examples, key=lambda example: int(key(task.split_seed, "split", example.id)))
    test = round(task.test * len(ranked))
    dev = round(task.dev * len(ranked))
    dealt = {"test": ranked[:test], "dev": ranked[test : test + dev], "train": ranked[test + dev :]}
    return {split: sorted(dealt[split], key=lambda example: example.id) for split in SPLITS}


def write_examples(path: Path, examples: Sequence[Example]) -> None:
    """Write examples as Arrow, whole or not at all."""
    columns = {
        name: [getattr(example, name) for example in examples] for name in EXAMPLE_SCHEMA.names
    }
    write_table(path, pa.Table.from_pydict(columns, schema=EXAMPLE_SCHEMA))


def read_examples(path: Path) -> list[Example]:
    """Read the examples of a split. Raises ArtefactError, naming the file, when it is damaged."""
    return [
        Example(**{**row, "answers": tuple(row["answers"])}) for row in read_table(path).to_pylist()
    ]


def read_qa_pairs(path: Path) -> list[Example]:
    """Examples of a JSONL file: question, answers (a list, the target first), context and id.

    `context` and `id` may be left out; without an id the line number is the example's name.
    Raises ArtefactError naming the file, line and field.
    """
    examples = []
    for number, value in read_json_lines(path):
        source = string_field(path, number, value, "question")
        answers = value.get("answers")
        if (
            not isinstance(answers, list)
            or not answers
            or not all(isinstance(answer, str) and answer.strip() for answer in answers)
        ):
            raise ArtefactError(
                f"{path}, line {number}: the field 'answers' is not a list of at least one string"
            )
        context = string_field(path, number, value, "context") if "context" in value else ""
        name = string_field(path, number, value, "id") if "id" in value else f"{number}"
        examples.append(Example(name, context, source, answers[0], tuple(answers)))
    return examples


def _relation(example: Example) -> str:
    return example.id.rpartition("/")[2] if "/" in example.id else "any"
