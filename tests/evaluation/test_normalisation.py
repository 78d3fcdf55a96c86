import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskpolicy.evaluation.normalisation import normalise_answer, normalise_label


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The  Beatles!", "beatles"),
        ("an apple a day", "apple day"),
        ("U.S.A.", "usa"),  # punctuation goes before articles are looked for: "a" is not alone here
        ("A.", ""),
        ("théâtre", "théâtre"),
        ("“quoted”", "“quoted”"),  # only ASCII punctuation
        ("1,447 m\n", "1447 m"),
        ("theatre", "theatre"),
    ],
)
def test_answers_are_normalised_as_in_dpr(text, normal):
    assert normalise_answer(text) == normal


@settings(max_examples=50, deadline=None)
@given(st.text(st.sampled_from(string.ascii_letters + string.punctuation + " \t"), max_size=30))
def test_normalised_answers_hold_no_punctuation_articles_or_double_spaces(text):
    normal = normalise_answer(text)
    assert not set(normal) & set(string.punctuation)
    assert not {"a", "an", "the"} & set(normal.split())
    assert normal == " ".join(normal.split()).lower()


def test_labels_keep_what_distinguishes_them():
    assert normalise_label(" More  Likely ") == "more likely"
    assert normalise_label("-1") != normalise_label("1")
    assert normalise_label("a rise") != normalise_label("rise")
