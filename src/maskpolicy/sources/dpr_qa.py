"""Questions and answers of DPR (Karpukhin et al. 2020): `*.qa.csv`, a tab between the two."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.errors import ArtefactError, counted
from maskpolicy.json_files import JsonObject
from maskpolicy.sources import base
from maskpolicy.text_files import parse_csv_line, read_lines

LICENCE = "CC BY-NC 4.0"
CITATION = "Karpukhin et al. 2020"

LONGEST_LIST = 1 << 16
"""Characters of a list of answers; Python need not try to read a longer one."""


class Seq2SeqExamples(base.Seq2SeqFiles):
    """One question a line, and a list of answers as Python writes it; the first is the target."""

    source: Literal["dpr-qa"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None

    def read(self, path: Path) -> Iterator[base.Example]:
        """Line after line."""
        for number, line in read_lines(path):
            if not line:
                continue
            row = _row(f"{path}, line {number}", number, line)
            answers = row.texts("answers")
            yield base.Example(
                id=f"{base.file_stem(path)}-{number}",
                context="",
                source=row.filled("question"),
                target=answers[0],
                answers=answers,
            )


def _row(place: str, number: int, line: str) -> JsonObject:
    """A line's question and answers, unchecked. Raises ArtefactError, naming the place."""
    columns = parse_csv_line(line, place, "\t")
    if len(columns) != 2:
        wanted = "a question, a tab and a list of answers are expected"
        raise ArtefactError(f"{place}: {counted(len(columns), 'column')}; {wanted}")
    question, answers = columns
    if len(answers) > LONGEST_LIST:
        raise ArtefactError(f"{place}: answers of more than {LONGEST_LIST:,} characters")
    try:
        value = ast.literal_eval(answers)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise ArtefactError(f"{place}: the answers are not a list of strings in Python") from error
    return JsonObject(place, number, {"question": question, "answers": value})
