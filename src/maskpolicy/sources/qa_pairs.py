"""Own questions: JSON lines with question, answers (a list) and perhaps context and id."""

from pathlib import Path
from typing import Literal

from maskpolicy.sources import base
from maskpolicy.text_files import group_field, read_json_lines, string_field, strings_field


class Seq2SeqExamples(base.Seq2SeqExamples):
    """One question a line; the first of its answers is the target."""

    PATHS = ("path",)

    source: Literal["qa-pairs"]
    path: str
    group_field: str | None = None  # examples equal in it are in one split; else equal questions

    def splits(self) -> dict[str, list[base.Example]]:
        """All questions, to be dealt."""
        path = Path(self.path)
        lines = read_json_lines(path)
        return {"train": [self._question(path, number, value) for number, value in lines]}

    def _question(self, path: Path, number: int, value: dict) -> base.Example:
        """`context` and `id` may be left out; without an id the line number names the example."""
        source = string_field(path, number, value, "question")
        answers = strings_field(path, number, value, "answers")
        context = string_field(path, number, value, "context") if "context" in value else ""
        name = string_field(path, number, value, "id") if "id" in value else f"{number}"
        group = group_field(path, number, value, self.group_field)
        return base.Example(name, context, source, answers[0], tuple(answers), group)
