"""Every heuristic policy, and batches to try them on."""

import json

import numpy as np
from hypothesis import strategies as st
from pydantic import TypeAdapter

from maskpolicy.corpora.shards import PARTS_OF_SPEECH, TokenBatch
from maskpolicy.policies.registry import AnyPolicy

GEOMETRIC = {"distribution": "geometric"}
FIXED_MEAN = {"distribution": "fixed-mean", "mean": 2.5}
POS_WEIGHTS = {"NOUN": 2.0, "VERB": 1.0, "ADJ": 0.5}
MIXED = [
    {"weight": 1, "policy": {"kind": "orig-infill"}},
    {"weight": 2, "policy": {"kind": "ssm", "spans": "all"}},
    {"weight": 1, "policy": {"kind": "pmi", "rate": 0.4}},
]

_RECORDS = {
    "rand": {"kind": "rand", "rate": 0.25},
    "whole-word": {"kind": "whole-word", "rate": 0.25},
    "span": {"kind": "span", "rate": 0.25, "lengths": GEOMETRIC},
    "span-token": {"kind": "span", "rate": 0.25, "unit": "token"},
    "span-t5": {"kind": "span", "rate": 0.25, "lengths": FIXED_MEAN},
    "orig-infill": {"kind": "orig-infill"},
    "orig-infill-token": {"kind": "orig-infill", "unit": "token", "rate": 0.5},
    "ssm": {"kind": "ssm"},
    "ssm-all": {"kind": "ssm", "spans": "all"},
    "mask-first-sentences": {"kind": "mask-first-sentences"},
    "mask-random-sentences": {"kind": "mask-random-sentences"},
    "gap-sentences": {"kind": "gap-sentences", "selection": "sequential"},
    "pmi": {"kind": "pmi", "rate": 0.25},
    "informative": {"kind": "informative", "rate": 0.25},
    "idf": {"kind": "idf", "rate": 0.25},
    "pos": {"kind": "pos", "rate": 0.05, "weights": POS_WEIGHTS},
    "fully-explored": {"kind": "fully-explored", "rate": 0.2},
    "fully-explored-word": {"kind": "fully-explored", "rate": 0.2, "unit": "word"},
    "fully-explored-span": {"kind": "fully-explored", "rate": 0.2, "unit": "span"},
    "mixture": {"kind": "mixture", "components": MIXED},
}
_ADAPTER = TypeAdapter(AnyPolicy)


def spec_of(record):
    return _ADAPTER.validate_json(json.dumps(record))


SPECS = {name: spec_of(record) for name, record in _RECORDS.items()}
WORD_UNITS = ("whole-word", "span", "span-t5", "orig-infill", "pmi", "informative", "idf", "pos")
WORD_UNITS += ("fully-explored-word", "fully-explored-span")
WITHOUT_CHANCE = ("ssm-all", "mask-first-sentences", "gap-sentences")
SENTENCE_UNITS = ("mask-first-sentences", "mask-random-sentences", "gap-sentences")


def random_batch(sizes, seed=0, vocabulary=4, titled=False):
    """A batch with rows of `sizes` tokens: words of 1 to 3 tokens, sentences, entities and tags.

    With `titled` rows have titles of up to half their tokens, some none.
    """
    random = np.random.default_rng(seed)
    rows = random.permutation(10 * len(sizes))[: len(sizes)].tolist()
    ids, words, sentences, titles, entities, tags = [], [], [], [], [], []
    for n in sizes:
        word = random.random(n) < 0.6
        word[:1] = True
        sentence = word & (random.random(n) < 0.2)
        title = int(random.integers(0, n // 2 + 1)) if titled else 0
        sentence[:title] = False
        word[title : title + 1] = sentence[title : title + 1] = True
        titles.append(title)
        ids.append(random.integers(0, vocabulary, n).tolist())
        words.append(word.tolist())
        sentences.append(sentence.tolist())
        begins = random.permutation(n)[: random.integers(0, 3)] if n else []
        entities.append([(int(i), int(min(n, i + 2)), "DATE") for i in begins])
        tags.append(random.choice(PARTS_OF_SPEECH, n).tolist())
    return TokenBatch.from_lists(
        ids,
        rows=rows,
        word_start=words,
        sentence_start=sentences,
        title_lengths=titles,
        entities=entities,
        part_of_speech=tags,
    )


batches = st.builds(
    random_batch,
    st.lists(st.integers(0, 40), min_size=1, max_size=8),
    st.integers(0, 2**32 - 1),
)
titled_batches = st.builds(
    random_batch,
    st.lists(st.integers(0, 40), min_size=1, max_size=8),
    st.integers(0, 2**32 - 1),
    titled=st.just(True),
)


def uniform_batch(rows, n):
    """Rows 0, 1, … of n one-token words each, a single sentence."""
    return TokenBatch.from_lists([list(range(n))] * rows)


def per_row(batch, values):
    """A flat column as one array a row."""
    return np.split(values, batch.offsets[1:-1])


def masked_units(flags, mask):
    """For each unit of one row, whether it is masked; fails when a unit is split."""
    begins = flags.copy()
    begins[:1] = True
    unit = np.cumsum(begins) - 1
    size = np.bincount(unit)
    masked = np.bincount(unit, weights=mask)
    assert np.all((masked == 0) | (masked == size)), "a unit is split"
    return masked > 0


def run_lengths(flags):
    """Lengths of the runs of True in one row."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags, [0]]).astype(np.int8)))
    return edges[1::2] - edges[::2]


def budget(rate, n):
    """The documented budget: nearest, at least one, and one is left."""
    return min(max(1, int(np.floor(rate * n + 0.5))), max(n - 1, 0))
