"""Texts found in documents: the same as a search word by word, in whatever batches."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskpolicy.tasks.phrases import WORDS_IN_A_ROW, Phrases


def found(texts, *documents):
    return Phrases(texts).look_for([pa.array(some, pa.string()) for some in documents]).tolist()


def slowly(texts, documents):
    """Its definition."""
    split = [re.findall(r"\w+", document.lower()) for document in documents]
    windows = {
        tuple(words[i : i + n])
        for words in split
        for n in range(1, WORDS_IN_A_ROW + 1)
        for i in range(len(words) - n + 1)
    }

    def stands(text):
        words = re.findall(r"\w+", text.lower())
        size = min(len(words), WORDS_IN_A_ROW)
        starts = range(len(words) - size + 1)
        return size > 0 and any(tuple(words[i : i + size]) in windows for i in starts)

    return [stands(text) for text in texts]


some_words = st.lists(st.sampled_from(["a", "B", "c", "-", "d."]), max_size=40).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(st.lists(some_words, max_size=12), st.lists(some_words, max_size=6), st.integers(0, 6))
def test_they_are_those_whose_words_stand_in_a_row(texts, documents, cut):
    batches = [some for some in (documents[:cut], documents[cut:]) if some]
    assert found(texts, *batches) == slowly(texts, documents)


@pytest.mark.parametrize(
    ("text", "document", "stands"),
    [
        ("Bern", "It is bern.", True),
        ("Bern", "It is Berne.", False),
        ("New York", "New, York!", True),
        ("York New", "New York New", True),
        ("café Ⅳ", "the CAFE\u0301 iv", True),
        ("?!", "what?!", False),
        (" ".join("abcdefghijklm"), " ".join("abcdefghijklx"), False),
        ("x " + " ".join("abcdefghijklm") + " y", " ".join("zabcdefghijklmz"), True),
    ],
)
def test_words_are_compared_whole_without_case_and_marks(text, document, stands):
    assert found([text, "another"], [document]) == [stands, False]


def test_words_of_two_documents_are_not_in_a_row():
    assert found(["new york"], ["new", "york"], ["york"]) == [False]
