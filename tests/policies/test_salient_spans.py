"""Salient spans: one of the row's, or all."""

import pytest
from scipy.stats import chisquare
from support.heuristic_cases import per_row

from maskpolicy.corpora.shards import MissingAnnotations, TokenBatch
from maskpolicy.decisions.base import Address
from maskpolicy.policies import specs
from maskpolicy.policies.salient_spans import SalientSpans

ENTITIES = [(0, 2, "GPE"), (3, 4, "DATE"), (6, 9, "PERSON")]


def decide(batch, **options):
    policy = SalientSpans(specs.Ssm(kind="ssm", **options))
    return per_row(batch, policy.decide(batch, Address(1, "corpus", "ssm", 0)).mask)


def test_one_span_drawn_uniformly():
    batch = TokenBatch.from_lists([[0] * 10] * 3000, entities=[ENTITIES] * 3000)
    masked = [tuple(mask.nonzero()[0].tolist()) for mask in decide(batch)]
    counts = [masked.count(tuple(range(start, end))) for start, end, _ in ENTITIES]
    assert sum(counts) == 3000
    assert chisquare(counts).pvalue > 0.01


def test_every_span():
    batch = TokenBatch.from_lists([[0] * 10, [0] * 4], entities=[ENTITIES, []])
    first, second = decide(batch, spans="all")
    assert first.nonzero()[0].tolist() == [0, 1, 3, 6, 7, 8]
    assert not second.any()  # a row without entities is dropped


def test_numbers_are_not_salient():
    entities = [(0, 1, "CARDINAL"), (2, 3, "ORG"), (4, 5, "PERCENT")]
    batch = TokenBatch.from_lists([[0] * 6], entities=[entities])
    assert decide(batch, spans="all")[0].nonzero()[0].tolist() == [2]


def test_without_annotations():
    with pytest.raises(MissingAnnotations, match="entities"):
        decide(TokenBatch.from_lists([[1]]))
