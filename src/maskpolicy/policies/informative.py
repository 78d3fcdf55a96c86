"""Informative words: those that say most about the rest of their passage, or that are rare."""

from pathlib import Path

import numpy as np
from numba import njit

from maskpolicy.artefacts import read_table
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.policies import specs
from maskpolicy.policies.base import Address, Decisions
from maskpolicy.policies.cooccurrence import distinct, hash_pair
from maskpolicy.policies.ngrams import columns_of, find, hash_table, hash_words
from maskpolicy.policies.units import budget_of, longest_row
from maskpolicy.policies.weighted_units import choose_weighted
from maskpolicy.randomness import stream


class InformativeWords:
    """Random words, drawn without replacement with a weight that tells how informative they are.

    pmi: the sum of the word's positive pointwise mutual information with every other word of the
    row, after InforMask (Sadeq et al. 2022, section 3), which scores whole masks by the same sums.
    idf: its inverse document frequency; a word that the corpus lacks counts as its rarest.

    Budget: exactly `rate` of the words (see `budget_of`), or every word with a weight above 0 where
    the row has fewer of them.
    """

    inserts = False

    def __init__(self, spec: specs.InformativeWords, statistics: Path) -> None:
        self.rate = spec.rate
        self.pairs = spec.weights == "pmi"
        name, column = ("cooccurrence", "pmi") if self.pairs else ("word-frequencies", "idf")
        counted = read_table(statistics / f"{name}.arrow")
        self.table = hash_table(counted["hash"].to_numpy())
        self.values = counted[column].to_numpy()

    def decide(self, batch: TokenBatch, address: Address) -> Decisions:
        """Mask the budget of each row, in whole words."""
        mask = np.zeros(len(batch.input_ids), np.bool_)
        _choose_words(
            address.key(),
            batch.rows,
            columns_of(batch),
            self.pairs,
            self.table,
            self.values,
            self.rate,
            mask,
        )
        return Decisions(mask)


@njit(cache=True)
def _choose_words(key, rows, columns, pairs, table, values, rate, mask):  # noqa: ANN001, ANN202
    input_ids, offsets, word_flags, _ = columns
    longest = longest_row(offsets)
    bounds = np.empty(longest + 1, np.int32)
    words = np.empty(longest + 1, np.uint64)
    different = np.empty(longest + 1, np.uint64)
    sums = np.empty(longest + 1, np.float64)
    weights = np.empty(longest + 1, np.float64)
    races = np.empty(longest + 1, np.float64)
    rarest = values.max() if len(values) else 1.0

    for b in range(len(rows)):
        first, last = offsets[b], offsets[b + 1]
        if first == last:
            continue
        n = hash_words(input_ids, word_flags, first, last, bounds, words)
        if pairs:
            different[:n] = words[:n]
            m = distinct(different, n)
            sums[:m] = 0.0
            for v in range(m):
                for w in range(v + 1, m):
                    index = find(table, hash_pair(different[v], different[w]))
                    if index >= 0:
                        sums[v] += values[index]
                        sums[w] += values[index]
            for u in range(n):
                weights[u] = sums[np.searchsorted(different[:m], words[u])]
        else:
            for u in range(n):
                index = find(table, words[u])
                weights[u] = values[index] if index >= 0 else rarest
        random = stream(key, rows[b])
        choose_weighted(random, weights, n, budget_of(rate, n), races, mask, bounds, first)
