"""Own questions: JSON lines with question, answers (a list) and perhaps context and id."""

from pathlib import Path
from typing import Literal

from maskpolicy.json_files import JsonObject, read_json_lines
from maskpolicy.sources import base


class Seq2SeqExamples(base.Seq2SeqExamples):
    """One question a line; the first of its answers is the target."""

    PATHS = ("path",)

    source: Literal["qa-pairs"]
    path: str
    group_field: str | None = None  # examples equal in it are in one split; else equal questions

    def splits(self) -> dict[str, list[base.Example]]:
        """All questions, to be dealt."""
        return {"train": list(map(self._question, read_json_lines(Path(self.path))))}

    def _question(self, line: JsonObject) -> base.Example:
        """`context` and `id` may be left out; without an id the line number names the example."""
        source = line.text("question")
        answers = line.texts("answers")
        context = line.text("context") if "context" in line.fields else ""
        name = line.text("id") if "id" in line.fields else f"{line.number}"
        group = line.name(self.group_field)
        return base.Example(name, context, source, answers[0], answers, group)
