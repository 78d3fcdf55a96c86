"""Where the targets of downstream examples stand in their contexts, as spans of tokens."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maskpolicy.corpora.alignment import AlignedTexts, align, offsets_of
from maskpolicy.corpora.tokenizer import Tokenizer


@dataclass(frozen=True)
class ContextTargets:
    """C distinct contexts of T tokens, and the spans of P targets in them: S occurrences.

    Targets lie in the order of their contexts, occurrences in the order of their targets.
    offsets int64 [C + 1], where contexts begin; input_ids uint32 [T]; word_start bool [T];
    target_offsets int64 [C + 1], the targets of each context; span_offsets int64 [P + 1], the
    occurrences of each target; start, end int64 [S], tokens within the context, end exclusive.
    """

    offsets: np.ndarray
    input_ids: np.ndarray
    word_start: np.ndarray
    target_offsets: np.ndarray
    span_offsets: np.ndarray
    start: np.ndarray
    end: np.ndarray

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each context, int64 [C]."""
        return np.diff(self.offsets)

    @property
    def contexts(self) -> int:
        """C, contexts with at least one target in them."""
        return len(self.offsets) - 1

    @property
    def targets(self) -> int:
        """P, targets that occur in their context."""
        return len(self.span_offsets) - 1

    @property
    def longest_target(self) -> int:
        """Tokens of the longest occurrence."""
        return int((self.end - self.start).max(initial=0))


@dataclass(frozen=True)
class Coverage:
    """What became of the examples of a split.

    found: a target itself is in its context; found_by_alias: only another acceptable answer is;
    no_context: the example has none; cut_off: it is, beyond the tokens that are read; missing: it
    is nowhere in its context, as whole words. An example with several targets counts once, by the
    first of these fates (found, found_by_alias, cut_off, missing) that one of them has.
    cut_contexts: distinct contexts that were cut; longest_context: tokens of the longest one,
    before it was.
    """

    examples: int
    found: int
    found_by_alias: int
    no_context: int
    cut_off: int
    missing: int
    cut_contexts: int
    longest_context: int


_FATES = ("found", "found_by_alias", "cut_off", "missing")
"""What may become of a target: an example is counted by the first one of its targets'."""


def find_targets(
    tokenizer: Tokenizer,
    contexts: Sequence[str],
    targets: Sequence[Sequence[Sequence[str]]],
    context_length: int | None = None,
) -> tuple[ContextTargets, Coverage]:
    """Find every occurrence of each example's targets in its context.

    `contexts` and `targets` hold an item an example, which is a sequence of targets. A target is a
    sequence of acceptable answers: the first one is the target itself, and the next ones are looked
    for, in their order, where it does not occur. Occurrences are of whole words, white space in
    them may differ, and so may case where the tokenizer lower-cases. A span covers whole words of
    tokens. Contexts are cut to `context_length` tokens. Targets that do not occur are left out, and
    examples are counted.
    """
    distinct = list(dict.fromkeys(context for context in contexts if context))
    number = {context: i for i, context in enumerate(distinct)}
    aligned = align(tokenizer, distinct)
    words = _Words(aligned, context_length)
    flags = re.IGNORECASE if _lower_cases(tokenizer) else re.NOFLAG
    found: list[tuple[int, list[tuple[int, int]]]] = []
    examples_of: Counter[str] = Counter()
    for context, of_example in zip(contexts, targets, strict=True):
        if not context:
            examples_of["no_context"] += 1
            continue
        fates = {"missing"}
        for acceptable in of_example:
            looked_for = enumerate(_occurrences(answer, context, flags) for answer in acceptable)
            rank, occurrences = next(((i, some) for i, some in looked_for if some), (0, []))
            spans = words.spans(number[context], occurrences)
            if spans:
                found.append((number[context], spans))
                fates.add("found_by_alias" if rank else "found")
            elif occurrences:
                fates.add("cut_off")
        examples_of[min(fates, key=_FATES.index)] += 1
    lengths = np.diff(aligned.token_offsets)
    coverage = Coverage(
        examples=len(contexts),
        **{fate: examples_of[fate] for fate in ("no_context", *_FATES)},
        cut_contexts=int((lengths > words.lengths).sum()),
        longest_context=int(lengths.max(initial=0)),
    )
    return _context_targets(aligned, words, found), coverage


def members(offsets: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The members of chosen ragged groups: which group of `chosen` each is in, and its number."""
    first, counts = offsets[chosen], np.diff(offsets)[chosen]
    group = np.repeat(np.arange(len(chosen)), counts)
    before = np.cumsum(counts) - counts
    return group, np.arange(counts.sum()) + np.repeat(first - before, counts)


def _lower_cases(tokenizer: Tokenizer) -> bool:
    upper, lower = tokenizer.encode_rows(["A", "a"])
    return upper.ids == lower.ids


def _occurrences(answer: str, context: str, flags: re.RegexFlag) -> list[tuple[int, int]]:
    """Ranges of characters where the answer stands as whole words."""
    parts = answer.split()
    if not parts:
        return []
    # A boundary is only asked for where the answer itself begins or ends with a letter or digit.
    before = r"(?<!\w)" if re.match(r"\w", parts[0]) else ""
    after = r"(?!\w)" if re.search(r"\w$", parts[-1]) else ""
    whole = r"\s+".join(map(re.escape, parts))
    # Looking ahead, because occurrences of "x and x" may overlap.
    pattern = f"{before}(?=({whole}){after})"
    return [match.span(1) for match in re.finditer(pattern, context, flags)]


class _Words:
    """The words of aligned texts, to round spans of characters to whole words of tokens."""

    def __init__(self, aligned: AlignedTexts, context_length: int | None) -> None:
        self.aligned = aligned
        self.word_start = aligned.word_start()
        first = aligned.token_offsets[:-1]
        length = np.diff(aligned.token_offsets)
        self.lengths = length if context_length is None else np.minimum(length, context_length)
        boundary = self.word_start.copy()
        boundary[first[length > 0]] = True
        here = np.arange(len(boundary) + 1)
        # The last word boundary at or before a token, and the first at or after it.
        self.begin = np.maximum.accumulate(np.where(boundary, here[:-1], 0))
        after = np.where(np.append(boundary, True), here, len(boundary))
        self.stop = np.minimum.accumulate(after[::-1])[::-1]

    def spans(self, text: int, occurrences: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Tokens (start, end) within a text that cover ranges of its characters, each once."""
        origin = self.aligned.token_offsets[text]
        spans: dict[tuple[int, int], None] = {}
        for begin, end in occurrences:
            begin_end = np.array([begin, end]) + self.aligned.char_offsets[text]
            first = np.searchsorted(self.aligned.end, begin_end[0], side="right")
            last = np.searchsorted(self.aligned.start, begin_end[1], side="left")
            if first < last and self.stop[last] - origin <= self.lengths[text]:
                spans[int(self.begin[first] - origin), int(self.stop[last] - origin)] = None
        return list(spans)


def _context_targets(
    aligned: AlignedTexts, words: _Words, found: list[tuple[int, list[tuple[int, int]]]]
) -> ContextTargets:
    """Keep the contexts that have a target."""
    found = sorted(found, key=lambda target: target[0])
    kept, targets = np.unique(np.array([text for text, _ in found], np.int64), return_counts=True)
    lengths = words.lengths[kept]
    offsets = offsets_of(lengths)
    tokens = np.repeat(aligned.token_offsets[kept] - offsets[:-1], lengths)
    tokens += np.arange(offsets[-1])
    spans = np.array([span for _, spans in found for span in spans], np.int64).reshape(-1, 2)
    return ContextTargets(
        offsets,
        aligned.ids[tokens],
        words.word_start[tokens],
        offsets_of(targets),
        offsets_of([len(spans) for _, spans in found]),
        spans[:, 0],
        spans[:, 1],
    )
