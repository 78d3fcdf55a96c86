"""TriviaQA (Joshi et al. 2017): unfiltered, web and Wikipedia files, streamed, without evidence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.json_files import read_json_items
from maskpolicy.sources import base

LICENCE = "unknown; see https://nlp.cs.washington.edu/triviaqa"
CITATION = "Joshi et al. 2017"


class Seq2SeqExamples(base.Seq2SeqFiles):
    """One question an item of `Data`; `Value` of its answer is the target.

    Acceptable are `Value` and `Aliases`, as for T5 and DPR, which score by the same normalisation.
    `NormalizedAliases` are those by another one (a space for a punctuation mark), and would accept
    more than the published numbers do.
    """

    source: Literal["triviaqa"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None  # a dev file: the test files have no answers

    def read(self, path: Path) -> Iterator[base.Example]:
        """Item after item."""
        for item in read_json_items(path, "Data"):
            if "Answer" not in item.fields:
                raise item.wrong("no 'Answer': a test file without answers can't be scored")
            answer = item.object("Answer")
            target = answer.filled("Value")
            aliases = () if answer.fields.get("Aliases") == [] else answer.texts("Aliases")
            yield base.Example(
                id=item.filled("QuestionId"),
                context="",
                source=item.filled("Question"),
                target=target,
                answers=tuple(dict.fromkeys((target, *aliases))),
            )
