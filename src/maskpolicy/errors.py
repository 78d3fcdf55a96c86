"""The one kind of error that a user can mend, shown as a line without a traceback; its words."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(Exception):
    """A file, a configuration key or an argument is wrong; the message names it and says what to
    do.
    """


class Diverged(InputError):
    """A training's loss is no longer finite; the message names the step and what to lower."""


class ArtefactError(InputError):
    """A file that a stage reads or writes is missing, damaged or unwritable. Names the file."""


def counted(number: int, noun: str) -> str:
    """A number of things: "1 table", "2,000 tables"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(names: Iterable[object], most: int = 20) -> str:
    """Names with commas between them; of more than `most` the first ones, and how many."""
    written = [str(name) for name in names]
    if len(written) <= most:
        return ", ".join(written)
    return f"{', '.join(written[:most])}, … ({len(written)} in all)"


def closest(word: object, known: Iterable[str]) -> str | None:
    """The known word that a misspelt one is most like; None where it is like none."""
    folded = {name.casefold(): name for name in known}
    close = get_close_matches(str(word).casefold(), folded, n=1)
    return folded[close[0]] if close else None


def did_you_mean(meant: str | None) -> str:
    """The end of a message about a misspelt word."""
    return f"; did you mean {meant!r}?" if meant else ""
