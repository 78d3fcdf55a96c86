"""Dates by their form: what is one, what is none."""

import pytest

from maskpolicy.corpora.dates import find_dates


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("on 1963-12-12, at noon", ["1963-12-12"]),
        ("On 12 December 1963 it became", ["12 December 1963"]),
        ("On December 12, 1963, it became", ["December 12, 1963"]),
        ("on the 1st March 1999.", ["1st March 1999"]),
        ("since may 1895 (Sept. 2001)", ["may 1895", "Sept. 2001"]),
        ("the 1960s and mid-1970's", ["1960s", "1970's"]),
        ("In 1000, 1895 and 2099;", ["1000", "1895", "2099"]),
        ("the war of 1914-1918 (1939–45)", ["1914", "1918", "1939"]),
        ("2021-13-01 has no such month", ["2021"]),
        ("", []),
    ],
)
def test_dates(text, dates):
    assert [text[begin:end] for begin, end in find_dates(text)] == dates


@pytest.mark.parametrize(
    "text",
    [
        *("999 and 2100 and 19635", "1,963 or 1963,5 or 1.1963 m", "$1963", "1963 % of 1500%"),
        *("A1963 or 1963b", "12 December", "December", "1964th", "the 1965s"),
    ],
)
def test_what_is_no_date(text):
    assert list(find_dates(text)) == []
