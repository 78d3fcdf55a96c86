"""Questions, answers and passages as JSON, for the biencoder of DPR (Karpukhin et al. 2020)."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from maskpolicy.errors import counted
from maskpolicy.json_files import JsonObject, read_json_items
from maskpolicy.sources import base

LICENCE = "CC BY-NC 4.0"
CITATION = "Karpukhin et al. 2020"


class Seq2SeqExamples(base.Seq2SeqFiles):
    """One question an item; its context is the first passage with the answer, after its title.

    Questions without such a passage stay, without a context: they can be asked, though no network
    learns from them. How many those are is said on stderr. Questions whose passages are of one
    title are a cluster in tests over examples.
    """

    source: Literal["dpr-biencoder"]
    train: str  # path
    dev: str | None = None  # paths; splits without a file are dealt from `train`
    test: str | None = None

    def read(self, path: Path) -> Iterator[base.Example]:
        """Item after item."""
        examples = without = 0
        for item in read_json_items(path):
            answers = item.texts("answers")
            title, context = _context(item)
            examples += 1
            without += not context
            yield base.Example(
                id=f"{base.file_stem(path)}-{item.number}",
                context=context,
                source=item.filled("question"),
                target=answers[0],
                answers=answers,
                cluster=title,
            )
        if without:
            have = "has" if without == 1 else "have"
            of = f"{without:,} of {counted(examples, 'example')}"
            print(f"{path}: {of} {have} no positive passage, so no context", file=sys.stderr)


def _context(item: JsonObject) -> tuple[str, str]:
    """Of the first of `positive_ctxs`, which may be empty or missing, its title and the context."""
    if "positive_ctxs" not in item.fields or not (passages := item.objects("positive_ctxs")):
        return "", ""
    first = passages[0]
    title = "" if first.fields.get("title") is None else first.text("title").strip()
    return title, base.titled(title, first.filled("text"))
