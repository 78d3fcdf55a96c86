"""Which test examples move together: those of a cluster, as questions about one country."""

from collections.abc import Iterable


def number_clusters(examples: Iterable[tuple[str, str]]) -> list[int]:
    """The number of each example's cluster, from 0 in order of appearance; of (id, cluster).

    One without a cluster, "" or blanks, stands for itself.
    """
    examples = [(name, cluster.strip()) for name, cluster in examples]
    numbers: dict[tuple[str, str], int] = {}
    names = ((cluster, "" if cluster else name) for name, cluster in examples)
    return [numbers.setdefault(name, len(numbers)) for name in names]
