"""What can be counted over a corpus, by name."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

# What is counted over a whole corpus before it can be masked -> "module:function" of its shards.
STATISTICS = {
    "collocations": "collocations:count_collocations",
    "cooccurrence": "cooccurrence:count_cooccurrence",
    "word-frequencies": "cooccurrence:count_word_frequencies",
}


def count_statistics(statistic: str, shards: Sequence[Path], output: Path) -> None:
    """Count one of STATISTICS over all token shards of a corpus; write it to `output`, as Arrow.

    Raises ArtefactError, naming the file, when a shard is damaged or `output` can't be written.
    """
    from maskpolicy.arrow_files import write_table

    module, _, function = STATISTICS[statistic].partition(":")
    count = getattr(import_module(f"maskpolicy.corpora.statistics.{module}"), function)
    write_table(output, count(shards))
