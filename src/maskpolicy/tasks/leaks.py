"""Leaks: what of the examples that a task holds out is read before, in train or in a corpus."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from maskpolicy.arrow_files import read_table
from maskpolicy.artefacts import read_json
from maskpolicy.corpora.documents import StoredDocuments
from maskpolicy.errors import counted
from maskpolicy.progress import work_progress
from maskpolicy.records import JsonRecord
from maskpolicy.tasks.facts import read_task_facts
from maskpolicy.tasks.phrases import Phrases

HELD_OUT = ("dev", "test")


class SplitLeaks(JsonRecord):
    """How many examples of a split stand in the documents of a corpus.

    asked: those whose source, or text, does; answered: those of which any answer does, which says
    little of short ones; None of labels. For what counts see :class:`Phrases`.
    """

    examples: int
    asked: int
    answered: int | None


class Leaks(JsonRecord):
    """The leaks of a task: from split to split, and from a corpus that its arms read."""

    task: str
    shared: dict[str, int]  # of dev and test, what a split before them asks, too
    corpus: str
    documents: int
    splits: dict[str, SplitLeaks]  # what the documents hold of dev and test


def report_leaks(
    folder: Path, task: str, documents_folder: Path, corpus: str, output: Path
) -> None:
    """Count the leaks of a prepared task and write them as :class:`Leaks`; stderr says them, too.

    The documents of the corpus are read once, in the memory of a batch. Raises ArtefactError,
    naming the file that can't be read.
    """
    generated = read_task_facts(folder).kind == "seq2seq"
    examples = {split: read_table(folder / f"{split}.arrow") for split in HELD_OUT}
    asked = {split: _asked(table, generated) for split, table in examples.items()}
    answers = {split: _answers(table) if generated else [] for split, table in examples.items()}
    # Of every split its sources, then the answers of each example one after another.
    texts = [
        text
        for split in HELD_OUT
        for text in (*asked[split], *(answer for some in answers[split] for answer in some))
    ]
    documents = StoredDocuments(documents_folder)
    stands = iter(Phrases(texts).look_for(_texts(documents, f"{task} in {corpus}")).tolist())
    splits = {}
    for split in HELD_OUT:
        n = len(asked[split])
        in_corpus = [next(stands) for _ in range(n)]
        answered = [any([next(stands) for _ in some]) for some in answers[split]]
        splits[split] = SplitLeaks(
            examples=n, asked=sum(in_corpus), answered=sum(answered) if generated else None
        )
    leaks = Leaks(
        task=task,
        shared=read_json(folder / "manifest.json")["repeats"]["shared"],
        corpus=corpus,
        documents=len(documents),
        splits=splits,
    )
    for sentence in sentences(leaks, "source" if generated else "text"):
        print(sentence, file=sys.stderr)
    leaks.write(output)


def sentences(leaks: Leaks, asked: str) -> Iterator[str]:
    """What they say, a sentence for each split."""
    for split, some in leaks.splits.items():
        if not some.examples:
            continue
        of = f"{leaks.task}: of {counted(some.examples, f'{split} example')}"
        answers = ""
        if some.answered is not None:
            share = 100 * some.answered / some.examples
            answers = f", an answer of {some.answered:,} ({share:.0f} %)"
        where = f"{counted(leaks.documents, 'document')} of {leaks.corpus}"
        yield f"{of}, the {asked} of {some.asked:,} stands in the {where}{answers}"


def _asked(table: pa.Table, generated: bool) -> list[str]:
    if generated:
        return table.column("source").to_pylist()
    pairs = zip(table.column("text").to_pylist(), table.column("pair").to_pylist(), strict=True)
    return [text if pair is None else pair for text, pair in pairs]


def _answers(table: pa.Table) -> list[list[str]]:
    return table.column("answers").to_pylist()


def _texts(documents: StoredDocuments, title: str) -> Iterator[pa.Array]:
    """Titles and texts of documents, batch after batch."""
    with work_progress(f"Leaks of {title}", len(documents)) as advance:
        for batch in documents.batches():
            yield batch.column("title")
            yield batch.column("text")
            advance(len(batch))
