"""Where the answers of a task stand in the text of pre-training, and what masks them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maskpolicy.site.masks import CorpusMasks

MOST_PLACES = 1000
"""Of one answer, that are looked at for masks; all are counted."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class AnswerPlaces:
    """Where the answers of N examples stand in a corpus, word for word, whatever their case.

    Of an example whose context holds the passage of an answer, the places in its context count for
    its masks, and of others all.
    """

    frequency: np.ndarray  # in how many places an answer of each example stands, int64 [N]
    in_context: np.ndarray  # whether any of them is in its own context, bool [N]
    places: list[
        np.ndarray
    ]  # of each example, tokens from and to of those that count, int64 [P, 2]

    def times_masked(self, masks: CorpusMasks, arm: str) -> np.ndarray:
        """How often an arm masks all tokens of an answer, over its places and epochs, int64 [N]."""
        counts = [len(of_example) for of_example in self.places]
        first, last = np.concatenate([np.zeros((0, 2), np.int64), *self.places]).T
        times = np.zeros(len(first), np.int64)
        for epoch in range(len(masks.masks[arm])):
            before = np.concatenate([[0], np.cumsum(masks.mask(arm, epoch))])
            times += before[last] - before[first] == last - first
        return np.bincount(
            np.repeat(np.arange(len(counts)), counts), weights=times, minlength=len(counts)
        ).astype(np.int64)

    def chances(self, masks: CorpusMasks) -> np.ndarray:
        """Places times epochs: how often it could have been masked, int64 [N]."""
        return np.array([len(of_example) for of_example in self.places]) * masks.files.epochs


def find_answers(
    masks: CorpusMasks, answers: Sequence[Sequence[str]], contexts: Sequence[str]
) -> AnswerPlaces:
    """Find the answers of N examples; of a large corpus in the part that was read."""
    words = [{_words(answer) for answer in some} - {()} for some in answers]
    found, counts = _occurrences(masks, {answer for some in words for answer in some})
    frequency, in_context, places = [], [], []
    for some, context in zip(words, contexts, strict=True):
        every = sorted({place for answer in some for place in found[answer]})
        own = [place for place in every if context and _body(masks, place[0]) in context]
        tokens = (_tokens(masks, *place) for place in own or every)
        counted = [(first, last) for first, last in tokens if first < last]
        frequency.append(sum(counts[answer] for answer in some))
        in_context.append(bool(own))
        places.append(np.array(counted, np.int64).reshape(-1, 2))
    return AnswerPlaces(np.array(frequency, np.int64), np.array(in_context, np.bool_), places)


_Place = tuple[int, int, int]
"""A row, and characters from and to in its text."""


def _occurrences(
    masks: CorpusMasks, wanted: Iterable[tuple[str, ...]]
) -> tuple[Mapping[tuple[str, ...], list[_Place]], Mapping[tuple[str, ...], int]]:
    """The first places of each answer of so many words, and how many it has."""
    by_first: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for answer in wanted:
        by_first[answer[0]].append(answer)
    found: dict[tuple[str, ...], list[_Place]] = defaultdict(list)
    counts: dict[tuple[str, ...], int] = defaultdict(int)
    for row, text in enumerate(masks.texts):
        matches = list(_WORD.finditer(text))
        words = [match.group().casefold() for match in matches]
        for i, word in enumerate(words):
            for answer in by_first.get(word, ()):
                if tuple(words[i : i + len(answer)]) == answer:
                    counts[answer] += 1
                    if len(found[answer]) < MOST_PLACES:
                        end = matches[i + len(answer) - 1].end()
                        found[answer].append((row, matches[i].start(), end))
    return found, counts


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.casefold() for word in _WORD.findall(text))


def _tokens(masks: CorpusMasks, row: int, begin: int, end: int) -> tuple[int, int]:
    """The tokens that characters of a row are of, from and to."""
    first, last = masks.offsets[row : row + 2]
    return (
        int(first + np.searchsorted(masks.end[first:last], begin, side="right")),
        int(first + np.searchsorted(masks.begin[first:last], end, side="left")),
    )


def _body(masks: CorpusMasks, row: int) -> str:
    """The text of a row without its title, which is no part of a context."""
    first, last = masks.offsets[row : row + 2]
    at = first + masks.title_lengths[row]
    return masks.texts[row][masks.begin[at] :].strip() if at < last else masks.texts[row]
