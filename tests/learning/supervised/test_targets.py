"""Targets in contexts: every occurrence, as whole words, in tokens."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.learning.supervised.targets import find_targets

WORDS = ("Kaloma", "boloti", "in", "the", "Land", "12", ".ke", "d'Or", "naïve", "km²", "a-b", "in")


def spans_of(tokenizer, context, *answers, length=None):
    """The text of each span that is found for one example."""
    found, _ = find_targets(tokenizer, [context], [[answers]], length)
    return [
        tokenizer.decode(found.input_ids[start:end])
        for start, end in zip(found.start, found.end, strict=True)
    ]


def test_every_occurrence_is_found(tokenizer):
    context = "Kaloma. Port: Kaloma, Capital: KALOMA (Kalomati)."
    assert spans_of(tokenizer, context, "Kaloma") == ["kaloma"] * 3


def test_case_matters_where_the_tokenizer_keeps_it(make_tokenizer):
    cased = load_tokenizer(make_tokenizer(lowercase=False))
    assert spans_of(cased, "Port: KALOMA. Capital: Kaloma.", "Kaloma") == ["Kaloma"]


def test_only_whole_words_count(tokenizer):
    assert spans_of(tokenizer, "Kalomati has a port.", "Kaloma") == []
    assert spans_of(tokenizer, "An artless art.", "art") == ["art"]


def test_marks_at_the_ends_of_an_answer_may_touch_words(tokenizer):
    assert spans_of(tokenizer, "Code: .ke. It costs US$5.", ".ke") == [".ke"]
    assert spans_of(tokenizer, "Code: .ke. It costs US$5.", "$5") == ["$5"]


def test_white_space_may_differ(tokenizer):
    assert spans_of(tokenizer, "Port of\n Kaloma.", "port  of Kaloma") == ["port of\n kaloma"]


def test_an_alias_is_looked_for_where_the_target_is_missing(tokenizer):
    contexts = ["Capital: Kaloma, or Borati.", "Capital: Borati, or Lulo.", "Capital: Lulo."]
    found, coverage = find_targets(tokenizer, contexts, [[("Kaloma", "Borati", "Lulo")]] * 3)
    texts = [
        tokenizer.decode(found.input_ids[found.offsets[c] :][found.start[c] : found.end[c]])
        for c in range(3)
    ]
    assert texts == ["kaloma", "borati", "lulo"]
    assert (coverage.found, coverage.found_by_alias) == (1, 2)


def test_every_example_is_accounted_for(tokenizer):
    context = "Land 1. Capital: Kaloma. Port: Borati."
    contexts = [context, context, context, "", context]
    targets = [
        [answers]
        for answers in (("Kaloma",), ("Borati",), ("Lulo",), ("Kaloma",), ("Nairobi", "land"))
    ]
    _, coverage = find_targets(tokenizer, contexts, targets)
    assert coverage.examples == 5
    assert (coverage.found, coverage.found_by_alias) == (2, 1)
    assert (coverage.missing, coverage.no_context, coverage.cut_off) == (1, 1, 0)
    longest = len(tokenizer.encode_rows([context])[0].ids)
    assert coverage.longest_context == longest
    found, coverage = find_targets(tokenizer, contexts, targets, longest - 4)
    assert (coverage.found, coverage.cut_off, coverage.cut_contexts) == (1, 1, 1)
    assert found.lengths.tolist() == [longest - 4]


def test_an_example_with_several_targets_counts_once(tokenizer):
    context = "Land 1. Capital: Kaloma. Port: Borati."
    targets = [
        [("Lulo",), ("Nairobi", "Borati"), ("Kaloma",)],
        [("Lulo",), ("Nairobi", "Borati")],
        [("Lulo",), ("Nairobi",)],
        [],
    ]
    found, coverage = find_targets(tokenizer, [context] * 4, targets)
    assert (coverage.examples, found.targets) == (4, 3)
    assert (coverage.found, coverage.found_by_alias, coverage.missing) == (1, 1, 2)
    length = found.lengths[0] - 3  # without "Borati."
    _, coverage = find_targets(tokenizer, [context] * 4, targets, length)
    assert (coverage.found, coverage.cut_off, coverage.missing) == (1, 1, 2)


def test_examples_of_one_context_share_it(tokenizer):
    a, b = "Capital: Kaloma. Port: Kaloma.", "Capital: Borati. Port: Lulo."
    targets = [[("Kaloma",)], [("Borati",)], [("Capital",)], [("Lulo",)]]
    found, _ = find_targets(tokenizer, [a, b, a, b], targets)
    assert (found.contexts, found.targets) == (2, 4)
    assert found.target_offsets.tolist() == [0, 2, 4]
    assert np.diff(found.span_offsets).tolist() == [2, 1, 1, 1]


@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=12), data=st.data())
@settings(deadline=None, max_examples=60)
def test_a_span_of_words_is_found_where_it_is(tokenizer, words, data):
    begin = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(begin + 1, len(words)))
    target = " ".join(words[begin:end])
    texts = spans_of(tokenizer, " ".join(words), target)
    assert texts
    assert set(texts) == {target.lower()}
    found, _ = find_targets(tokenizer, [" ".join(words)], [[(target,)]])
    before = len(tokenizer.encode_rows([" ".join(words[:begin])])[0].ids) if begin else 0
    assert before in found.start


@pytest.mark.parametrize("answers", [(), ("",), ("  ",)])
def test_an_empty_target_is_nowhere(tokenizer, answers):
    found, coverage = find_targets(tokenizer, ["Capital: Kaloma."], [[answers]])
    assert (found.contexts, found.targets, coverage.missing) == (0, 0, 1)
