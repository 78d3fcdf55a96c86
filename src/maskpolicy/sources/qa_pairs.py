"""Own questions: JSON lines with question, answers (a list) and perhaps context and id."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import base
from maskpolicy.text_files import read_json_lines, string_field


class Seq2SeqExamples(base.Seq2SeqExamples):
    """One question a line; the first of its answers is the target."""

    PATHS = ("path",)

    source: Literal["qa-pairs"]
    path: str

    def splits(self) -> dict[str, list[base.Example]]:
        """All questions, to be dealt."""
        return {"train": list(_questions(Path(self.path)))}


def _questions(path: Path) -> Iterator[base.Example]:
    """`context` and `id` may be left out; without an id the line number is the example's name."""
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
        yield base.Example(name, context, source, answers[0], tuple(answers))
