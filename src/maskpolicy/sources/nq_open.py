"""NQ-open (Lee et al. 2019): questions of Natural Questions with short answers, as JSON lines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.json_files import read_json_lines
from maskpolicy.sources import base

LICENCE = "CC BY-SA 3.0"
CITATION = "Kwiatkowski et al. 2019; Lee et al. 2019"


class Seq2SeqExamples(base.Seq2SeqFiles):
    """One question a line; the first of its answers is the target, as in T5's closed-book QA."""

    source: Literal["nq-open"]
    train: str  # path, NQ-open.train.jsonl
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None  # usually NQ-open.dev.jsonl, for the test set is hidden

    def read(self, path: Path) -> Iterator[base.Example]:
        """Line after line."""
        for line in read_json_lines(path):
            answers = line.texts("answer")
            yield base.Example(
                id=f"{base.file_stem(path)}-{line.number}",
                context="",
                source=line.filled("question"),
                target=answers[0],
                answers=answers,
            )
