"""Exact match and F1 by the definitions of DPR and KILT, on cases worked out by hand.

DPR: `exact_match_score` of dpr/data/qa_validation.py (it has no F1). KILT: `_exact_match_score`,
`_f1_score` and `_metric_max_over_ground_truths` of kilt/eval_downstream.py. Both normalise alike:
lower case, no ASCII punctuation, no a/an/the as words, single spaces. Neither decomposes Unicode
for it: DPR's NFD is of the search for answers in passages.
"""

import unicodedata

import pytest

from maskpolicy.evaluation.metrics.registry import find_metric

EXACT_AND_F1 = [
    # prediction, answers, exact match, F1
    ("The Who", ["who"], 1, 1),
    ("an apple a day", ["Apple Day"], 1, 1),
    ("theatre", ["atre"], 0, 0),  # an article is a word
    ("U.S.A.", ["usa"], 1, 1),  # punctuation goes first: no "a" stands alone
    ("well-known", ["well known"], 0, 0),  # and joins what it parted
    ("a-b", ["ab"], 1, 1),
    ("the\u00a0Who", ["who"], 1, 1),  # white space of Unicode is collapsed, too
    ("14 December 1972 UTC", ["December 1972", "1972"], 0, 2 / 3),  # P 2/4, R 2/2
    ("Bob", ["Ann Lee", "Bob Lee", "Bob"], 1, 1),  # the best answer, wherever it stands
    ("Bob Lee", ["Ann Lee Roy", "Bob"], 0, 2 / 3),  # P 1/2, R 1/1; the other one: 1/2 and 1/3
    ("no no no", ["no no yes"], 0, 2 / 3),  # of multisets: 2 of 3 and 2 of 3
    # Unicode: lower case only, accents stay, and no punctuation but ASCII's goes.
    ("JOSÉ", ["josé"], 1, 1),
    ("José", ["Jose"], 0, 0),
    ("STRASSE", ["Straße"], 0, 0),  # lower(), not casefold()
    ("“Hello”", ["Hello"], 0, 0),
    ("10–12", ["10-12"], 0, 0),
    ("東京", ["東京"], 1, 1),
    ("東京 都", ["東京"], 0, 2 / 3),
    (unicodedata.normalize("NFD", "José"), [unicodedata.normalize("NFC", "José")], 0, 0),
    # Nothing predicted counts, as nothing right.
    ("", ["Ann"], 0, 0),
    (" \n", ["Ann", "Bob"], 0, 0),
    ("the", ["Ann"], 0, 0),
    ("?!", ["Ann"], 0, 0),
]


@pytest.mark.parametrize(("prediction", "answers", "exact", "f1"), EXACT_AND_F1)
def test_exact_match_and_f1_are_those_of_dpr_and_kilt(prediction, answers, exact, f1):
    assert find_metric("exact_match").score_example(prediction, answers) == exact
    assert find_metric("token_f1").score_example(prediction, answers) == pytest.approx(f1)


@pytest.mark.parametrize("prediction", ["The The", "a", "."])
def test_an_answer_of_articles_only_is_matched_exactly_by_what_has_no_words_either(prediction):
    """As for DPR and KILT. KILT's F1 is 0 here, also for the very answer; ours that of SQuAD 2.0,
    so that what is right has the full score: the one case in which they differ.
    """
    assert find_metric("exact_match").score_example(prediction, ["The The"]) == 1
    assert find_metric("token_f1").score_example(prediction, ["The The"]) == 1
    assert find_metric("token_f1").score_example("Matt", ["The The"]) == 0


def test_f1_is_the_best_of_the_answers_also_where_exact_match_is_another():
    """KILT takes each maximum on its own."""
    score = find_metric("token_f1").score_example
    assert score("red cedar tree", ["pine", "red cedar", "tree"]) == pytest.approx(4 / 5)
