"""Own texts or pairs of texts with labels or numbers, in JSONL, CSV, TSV or Parquet."""

from collections.abc import Iterator
from typing import Literal

from maskpolicy.sources import base
from maskpolicy.sources.own.rows import Rows


class LabelledExamples(Rows, base.LabelledExamples):
    """An example a row, in fields of these names."""

    PATHS = base.SPLITS

    source: Literal["own-labels"]
    train: str  # path, or a pattern of several
    dev: str | None = None  # likewise; splits without a file are dealt from `train`
    test: str | None = None
    text_field: str = "text"
    pair_field: str | None = None
    label_field: str = "label"
    group_field: str | None = None  # examples equal in it are in one split; else equal texts
    cluster_field: str | None = None  # those equal in it aren't independent in tests; else groups

    def splits(self) -> dict[str, list[base.ClassificationExample]]:
        """The splits that are named."""
        return {split: list(self._examples(split, at)) for split, at in self.split_places()}

    def _examples(self, split: str, at: str) -> Iterator[base.ClassificationExample]:
        for number, row in enumerate(self.rows(at), start=1):
            text, pair = row.text(self.text_field), self.pair_field and row.text(self.pair_field)
            if not (text.strip() or (pair or "").strip()):
                raise row.wrong(f"the field {self.text_field!r} is empty")
            yield base.ClassificationExample(
                id=f"{split}-{number}",
                text=text,
                pair=pair,
                label=row.label(self.label_field),
                group=row.name(self.group_field),
                cluster=row.name(self.cluster_field),
            )
