"""WIQA (Tandon et al. 2019): what a change does to a process that is told in steps, JSON lines."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.json_files import JsonObject, read_json_lines
from maskpolicy.sources import base
from maskpolicy.sources.choice_questions import chosen, read_choice_question

LICENCE = "unknown; see https://allenai.org/data/wiqa"
CITATION = "Tandon et al. 2019"


class Seq2SeqExamples(base.Seq2SeqFiles):
    """One question a line: "question \\n (A) more (B) less (C) no effect \\n steps", in lines.

    The context is the steps, in one line. Questions about the same paragraph are in one split.
    """

    source: Literal["wiqa"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None

    def read(self, path: Path) -> Iterator[base.Example]:
        """Line after line."""
        for line in read_json_lines(path):
            fields = line.object("question")
            question = read_choice_question(fields)
            target = chosen(question, fields, "answer_label_as_choice")
            steps = _steps(fields)
            yield base.Example(
                id=f"{base.file_stem(path)}-{line.number}",
                context=steps,
                source=question.asked_of(steps),
                target=target,
                answers=(target,),
                group=line.object("metadata").name("para_id"),
                choices=tuple(question.choices.values()),
            )


def _steps(question: JsonObject) -> str:
    """`para_steps` in one line, without the empty ones that the release has."""
    steps = question.fields.get("para_steps")
    if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
        raise question.wrong("'para_steps' is not a list of strings")
    filled = {"para_steps": [step.strip() for step in steps if step.strip()]}
    return " ".join(JsonObject(question.place, question.number, filled).texts("para_steps"))
