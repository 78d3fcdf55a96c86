"""Where the answers of a task stand in the text of pre-training, and what masks them."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from maskpolicy.site.masks import CorpusMasks, visible

_WORD = re.compile(r"\w+")

_Words = tuple[str, ...]
"""Of an answer, whatever their case."""


@dataclass(frozen=True)
class AnswerPlaces:
    """Where the answers of N examples stand in a corpus, word for word, whatever their case.

    Where answers of an example overlap, as "New York City" and "New York", the longer one stands
    there. Of an example whose context holds the passage of an answer, the places in its context
    count for its masks, and of others all.
    """

    frequency: np.ndarray  # in how many places an answer of each example stands, int64 [N]
    in_context: np.ndarray  # whether any of them is in its own context, bool [N]
    distinct: Sequence[np.ndarray]  # sets of places, each tokens from and to, int64 [P, 2]
    which: np.ndarray  # the set of each example that counts, int64 [N]

    @property
    def stated(self) -> int:
        """How many examples have an answer that stands in it."""
        return int((self.frequency > 0).sum())

    @property
    def in_their_context(self) -> int:
        """How many have one in their own context."""
        return int(self.in_context.sum())

    @property
    def count(self) -> np.ndarray:
        """How many places of each example count, int64 [N]."""
        return np.array([len(places) for places in self.distinct], np.int64)[self.which]

    def times_masked(self, masks: CorpusMasks, arm: str, epochs: int) -> np.ndarray:
        """How often the first epochs of an arm mask all tokens of an answer, over its places,
        int64 [N].
        """
        first, last = np.concatenate([np.zeros((0, 2), np.int64), *self.distinct]).T
        times = np.zeros(len(first), np.int64)
        for epoch in range(epochs):
            before = np.concatenate([[0], np.cumsum(masks.mask(arm, epoch))])
            times += before[last] - before[first] == last - first
        ends = np.cumsum([0, *map(len, self.distinct)])
        return np.diff(np.concatenate([[0], np.cumsum(times)])[ends])[self.which]

    def rows(self, masks: CorpusMasks) -> np.ndarray:
        """Rows in which an answer of each example stands that has one, where it counts."""
        first = [self.distinct[which][:1, 0] for which in self.which]
        return np.unique(_rows_at(masks, np.concatenate([np.zeros(0, np.int64), *first])))

    def written(self, masks: CorpusMasks, shown: np.ndarray) -> list[str]:
        """An answer of each example as a shown row has it in which it counts; of others nothing."""
        of_set = []
        for places in self.distinct:
            rows = _rows_at(masks, places[:, 0])
            seen = np.flatnonzero(np.isin(rows, shown))
            of_set.append(_text_at(masks, rows[seen[0]], *places[seen[0]]) if len(seen) else "")
        return [of_set[which] for which in self.which]


def find_answers(
    masks: CorpusMasks, answers: Sequence[Sequence[str]], contexts: Sequence[str]
) -> AnswerPlaces:
    """Find the answers of N examples; of a large corpus in the part that was read."""
    wanted = [frozenset(map(_words, some)) - {()} for some in answers]
    found = _places(masks, frozenset(chain.from_iterable(wanted)))
    every = {some: _longest([found[answer] for answer in some]) for some in set(wanted)}
    distinct, number = list(every.values()), {some: i for i, some in enumerate(every)}
    frequency, in_context, which = [], [], []
    for some, rows in zip(wanted, _rows_of(masks, contexts), strict=True):
        places = every[some]
        cuts = (np.searchsorted(places[:, 0], masks.offsets[row : row + 2]) for row in rows)
        own = np.concatenate([places[:0], *(places[first:last] for first, last in cuts)])
        frequency.append(len(places))
        in_context.append(len(own) > 0)
        which.append(len(distinct) if len(own) else number[some])
        if len(own):
            distinct.append(own)
    return AnswerPlaces(
        np.array(frequency, np.int64), np.array(in_context, np.bool_), distinct, np.array(which)
    )


def _places(masks: CorpusMasks, wanted: frozenset[_Words]) -> Mapping[_Words, np.ndarray]:
    """The tokens, from and to, of each place of each answer, in their order, int64 [P, 2]."""
    lengths: dict[str, set[int]] = defaultdict(set)  # of answers, by their first word
    for answer in wanted:
        lengths[answer[0]].add(len(answer))
    found: dict[_Words, list[tuple[int, int]]] = {answer: [] for answer in wanted}
    at = 0  # in the text of all rows
    for text in masks.texts:
        matches = list(_WORD.finditer(text))
        words = [match.group().casefold() for match in matches]
        for i, word in enumerate(words):
            for length in lengths.get(word, ()):
                some = words[i : i + length]
                if len(some) == length and (answer := tuple(some)) in wanted:
                    begin, end = matches[i].start(), matches[i + length - 1].end()
                    found[answer].append((at + begin, at + end))
        at += len(text)
    row_at = np.cumsum([0, *map(len, masks.texts)])[:-1]
    of_tokens = np.repeat(row_at, np.diff(masks.offsets))
    begin, end = masks.begin + of_tokens, masks.end + of_tokens
    return {
        answer: np.stack(
            [
                np.searchsorted(end, places[:, 0], side="right"),
                np.searchsorted(begin, places[:, 1], side="left"),
            ],
            axis=1,
        )
        for answer, of_it in found.items()
        for places in [np.array(of_it, np.int64).reshape(-1, 2)]
    }


def _rows_at(masks: CorpusMasks, tokens: np.ndarray) -> np.ndarray:
    """The row of each of some tokens."""
    return np.searchsorted(masks.offsets, tokens, side="right") - 1


def _text_at(masks: CorpusMasks, row: int, first: int, last: int) -> str:
    """The words of a row from a token on up to another, as a page shows them in one line."""
    text = masks.texts[row][masks.begin[first] : masks.end[last - 1]]
    words = list(_WORD.finditer(text))
    return " ".join(visible(text[words[0].start() : words[-1].end()]).split())


def _longest(places: Sequence[np.ndarray]) -> np.ndarray:
    """Those of all places that lie in no other one, in their order."""
    first, last = np.concatenate([np.zeros((0, 2), np.int64), *places]).T
    order = np.lexsort((-last, first))
    first, last = first[order], last[order]
    before = np.maximum.accumulate(np.concatenate([[0], last]))[:-1]
    return np.stack([first, last], axis=1)[last > before]


def _rows_of(masks: CorpusMasks, contexts: Iterable[str]) -> Iterable[list[int]]:
    """The rows whose text stands in each context."""
    bodies = [_body(masks, row) for row in range(len(masks.texts))]
    words = [set(_WORD.findall(body)) for body in bodies]
    rows = Counter(chain.from_iterable(words))
    # A row is looked at where the word stands that is in the fewest of them.
    by_rarest: dict[str, list[int]] = defaultdict(list)
    for row, of_row in enumerate(words):
        if of_row:
            by_rarest[min(of_row, key=lambda word: (rows[word], word))].append(row)
    for context in contexts:
        yield [
            row
            for word in set(_WORD.findall(context))
            for row in by_rarest.get(word, ())
            if bodies[row] in context
        ]


def _words(text: str) -> _Words:
    return tuple(word.casefold() for word in _WORD.findall(text))


def _body(masks: CorpusMasks, row: int) -> str:
    """The text of a row without its title, which is no part of a context."""
    first, last = masks.offsets[row : row + 2]
    at = first + masks.title_lengths[row]
    return masks.texts[row][masks.begin[at] :].strip() if at < last else masks.texts[row]
