"""Where tokens stand in their text: words, sentences and spans of characters as tokens.

Everything follows from characters and the tokenizer's offsets, so it is right for WordPiece,
byte-level BPE (whose tokens may be parts of one character) and SentencePiece alike.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from maskpolicy.corpora.tokenizer import Tokenizer

SPACE, WORD, MARK = 0, 1, 2
"""Classes of characters: white space; letters, digits and what combines with them; any other."""


@dataclass(frozen=True)
class AlignedTexts:
    """The tokens of D texts, T in all, and where each stands.

    Characters are numbered through all texts; one position after each text belongs to none.
    token_offsets int64 [D + 1] and char_offsets int64 [D + 1] are where texts begin. ids uint32
    [T]; start int64 [T] is the first character of a token that is not white space, or of what
    follows a token that is all white space; end int64 [T] is exclusive. classes uint8 [C], of every
    character.
    """

    token_offsets: np.ndarray
    char_offsets: np.ndarray
    ids: np.ndarray
    start: np.ndarray
    end: np.ndarray
    classes: np.ndarray

    def first_of_character(self) -> np.ndarray:
        """The tokens that begin at a character where no token before does, bool [T]."""
        first = np.ones(len(self.start), np.bool_)
        first[1:] = self.start[1:] != self.start[:-1]
        return first

    def separable(self) -> np.ndarray:
        """The tokens that text can be cut before without cutting a character, bool [T].

        A token of bytes may end one character and begin the next.
        """
        apart = self.first_of_character()
        apart[1:] &= self.start[1:] >= self.end[:-1]
        return apart

    def word_start(self) -> np.ndarray:
        """The tokens that begin a word, bool [T].

        A word is a run of letters and digits, or one other character (each punctuation mark).
        """
        before = np.concatenate([np.zeros(1, np.uint8), self.classes[:-1]])
        joined = (self.classes == WORD) & (before == WORD)
        begins = (self.classes != SPACE) & ~joined
        return self.first_of_character() & begins[self.start]


ALIGNED_AT_ONCE = 1 << 18
"""Characters, unless one text has more: while they are encoded each takes some 200 bytes."""


def align(tokenizer: Tokenizer, texts: Sequence[str]) -> AlignedTexts:
    """Encode texts without special tokens and align their tokens.

    Memory holds the result, and for a while some 200 bytes for each of ALIGNED_AT_ONCE characters,
    or of the longest text.
    """
    parts = [_align(tokenizer, some) for some in _portions(texts)]
    tokens = [np.diff(part.token_offsets) for part in parts]
    characters = [np.diff(part.char_offsets) for part in parts]
    token_offsets, char_offsets = map(offsets_of, map(_joined, (tokens, characters)))
    begins = np.cumsum([0, *(int(part.char_offsets[-1]) for part in parts)]).tolist()
    return AlignedTexts(
        token_offsets,
        char_offsets,
        _joined([part.ids for part in parts], np.uint32),
        _joined([part.start + at for part, at in zip(parts, begins, strict=False)]),
        _joined([part.end + at for part, at in zip(parts, begins, strict=False)]),
        _joined([part.classes for part in parts], np.uint8),
    )


def _portions(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Texts that are aligned together."""
    first, size = 0, 0
    for number, text in enumerate(texts):
        if first < number and size + len(text) > ALIGNED_AT_ONCE:
            yield texts[first:number]
            first, size = number, 0
        size += len(text)
    if first < len(texts):
        yield texts[first:]


def _joined(arrays: Sequence[np.ndarray], dtype: type = np.int64) -> np.ndarray:
    return np.concatenate([np.empty(0, dtype), *arrays])


def _align(tokenizer: Tokenizer, texts: Sequence[str]) -> AlignedTexts:
    encodings = tokenizer.encode_rows(texts)
    token_offsets = offsets_of([len(encoding.ids) for encoding in encodings])
    char_offsets = offsets_of([len(text) + 1 for text in texts])
    codes = np.frombuffer("".join(f"{text}\0" for text in texts).encode("utf-32-le"), np.uint32)
    classes = _classes(codes)
    ids = chain.from_iterable(encoding.ids for encoding in encodings)
    spans = chain.from_iterable(chain.from_iterable(e.offsets for e in encodings))
    begin_end = np.fromiter(spans, np.int64, 2 * token_offsets[-1]).reshape(-1, 2)
    begin_end += np.repeat(char_offsets[:-1], np.diff(token_offsets))[:, None]
    return AlignedTexts(
        token_offsets,
        char_offsets,
        np.fromiter(ids, np.uint32, token_offsets[-1]),
        _next_text(classes, codes == 0)[begin_end[:, 0]],
        begin_end[:, 1],
        classes,
    )


def offsets_of(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """Where things of N lengths begin, one after the other, and the end: int64 [N + 1]."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def _classes(codes: np.ndarray) -> np.ndarray:
    table = np.zeros(0x110000, np.uint8)
    table[codes] = 1
    present = np.flatnonzero(table)
    table[present] = [_class(chr(code)) for code in present.tolist()]
    return table[codes]


def _class(character: str) -> int:
    if character == "\0" or character.isspace():
        return SPACE
    if character.isalnum() or unicodedata.category(character).startswith("M"):
        return WORD
    return MARK


def _next_text(classes: np.ndarray, between: np.ndarray) -> np.ndarray:
    """For each character the first one from there that is no space, or the end of its text."""
    here = np.arange(len(classes))
    stop = np.where((classes != SPACE) | between, here, len(classes))
    return np.minimum.accumulate(stop[::-1])[::-1]
