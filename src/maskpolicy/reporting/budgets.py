"""The masking budget that a policy really used, counted over its decisions."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from maskpolicy.artefacts import ArtefactError, read_json
from maskpolicy.evaluation.records import Record


class Budget(Record):
    """Counts over all rows, epochs and shards of a policy's decisions."""

    rows: int
    dropped_rows: int  # without any decision: they yield no training example
    tokens: int
    masked_tokens: int
    spans: int  # runs of masked tokens
    insertions: int  # spans of length zero: a mask where no token was removed

    @property
    def rate(self) -> float:
        """Masked tokens as a share of all tokens of the corpus."""
        return self.masked_tokens / self.tokens if self.tokens else 0.0

    @property
    def masked_per_row(self) -> float:
        """Masked tokens of a row that was not dropped."""
        kept = self.rows - self.dropped_rows
        return self.masked_tokens / kept if kept else 0.0

    @property
    def mean_span(self) -> float:
        """Tokens of a span."""
        return self.masked_tokens / self.spans if self.spans else 0.0

    @property
    def insertions_per_row(self) -> float:
        """Zero-length spans of a row that was not dropped."""
        kept = self.rows - self.dropped_rows
        return self.insertions / kept if kept else 0.0

    @property
    def dropped(self) -> float:
        """Dropped rows as a share of all rows."""
        return self.dropped_rows / self.rows if self.rows else 0.0


def read_budgets(manifests: Sequence[Path]) -> dict[str, Budget]:
    """Policy -> budget, added up over the manifests of its masked shards.

    Raises ArtefactError, naming the file and key, when one is not such a manifest.
    """
    totals: dict[str, Counter[str]] = {}
    for path in manifests:
        manifest = read_json(path)
        try:
            counts = {name: int(manifest[name]) for name in Budget.model_fields}
            totals.setdefault(manifest["policy"], Counter()).update(counts)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactError(f"{path} is not a manifest of masks: {error}") from error
    return {policy: Budget(**total) for policy, total in totals.items()}
