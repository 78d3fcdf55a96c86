"""Dates found by their form, for those that a named-entity recogniser overlooks."""

import re
from collections.abc import Iterator

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?:1\d|20)\d\d"
_FORMS = (
    rf"{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])",
    rf"(?:{_DAY}\s)?{_MONTH},?\s(?:{_DAY},?\s)?{_YEAR}",
    r"(?:1\d|20)\d0['’]?s",
    _YEAR,
)
# Not within a word, a decimal or grouped number ("1.1950", "1950,5"), an amount or a percentage.
_DATE = re.compile(
    rf"(?<!\w)(?<!\d[.,])(?<![$€£])(?:{'|'.join(_FORMS)})(?!\w)(?![.,]\d)(?!\s?%)", re.IGNORECASE
)


def find_dates(text: str) -> Iterator[tuple[int, int]]:
    """Where dates begin and end in `text`, in characters, one after the other.

    Forms: 1963-12-12, "(12) December (12,) 1963" with or without the day, 1960s, and any number
    from 1000 to 2099 that stands alone, which may be no year: let a recogniser have its say first.
    """
    return (match.span() for match in _DATE.finditer(text))
