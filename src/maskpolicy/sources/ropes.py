"""ROPES (Lin et al. 2019): questions about what a background says of a situation, as JSON."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.json_files import JsonObject, read_json_items
from maskpolicy.sources import base

LICENCE = "CC BY 4.0"
CITATION = "Lin et al. 2019"


class Seq2SeqExamples(base.Seq2SeqFiles):
    """One example a question: "question \\n situation \\n background", each in a line of its own.

    The context is "background \\n situation". Questions about the same two are in one split; their
    background alone may be in several, as in the published splits.
    """

    source: Literal["ropes"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None  # a dev file: the test file has no answers

    def read(self, path: Path) -> Iterator[base.Example]:
        """Question after question."""
        for article in read_json_items(path, "data"):
            for paragraph in article.objects("paragraphs"):
                background = paragraph.filled("background")
                situation = paragraph.filled("situation")
                context = f"{background}\n{situation}"
                for question in paragraph.objects("qas"):
                    answers = _answers(question)
                    yield base.Example(
                        id=question.filled("id"),
                        context=context,
                        source=f"{question.filled('question')}\n{situation}\n{background}",
                        target=answers[0],
                        answers=answers,
                        group=context,
                    )


def _answers(question: JsonObject) -> tuple[str, ...]:
    if not question.fields.get("answers"):
        raise question.wrong("no 'answers': a test file without answers can't be scored")
    return tuple(answer.filled("text") for answer in question.objects("answers"))
