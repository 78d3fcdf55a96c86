"""QuaRTz (Tafjord et al. 2019): questions of qualitative relationships with two choices."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.json_files import read_json_lines
from maskpolicy.sources import base
from maskpolicy.sources.choice_questions import chosen, read_choice_question

LICENCE = "CC BY 4.0"
CITATION = "Tafjord et al. 2019"


class Seq2SeqExamples(base.Seq2SeqFiles):
    """One question a line: "question \\n (A) choice (B) choice \\n sentence", in lines.

    The context is the sentence, `para`. Questions about the same one are in one split.
    """

    source: Literal["quartz"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None

    def read(self, path: Path) -> Iterator[base.Example]:
        """Line after line."""
        for line in read_json_lines(path):
            question = read_choice_question(line.object("question"))
            target = chosen(question, line, "answerKey")
            paragraph = line.filled("para")
            yield base.Example(
                id=line.filled("id"),
                context=paragraph,
                source=question.asked_of(paragraph),
                target=target,
                answers=(target,),
                group=line.name("para_id"),
                choices=tuple(question.choices.values()),
            )
