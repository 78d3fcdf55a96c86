"""What can be counted over a corpus, by name; importing this module loads nothing heavy."""

from collections.abc import Sequence
from pathlib import Path
from pkgutil import resolve_name

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

    count = resolve_name(f"{__package__}.{STATISTICS[statistic]}")
    write_table(output, count(shards))
