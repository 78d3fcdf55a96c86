"""Corruption: x ⊕ d -> (source, target). It renders decisions and knows nothing of their making.

What a source and a target look like is an :class:`~maskpolicy.corruption.objective.Objective`.
With x = "a b c d e" and b, c and e masked:

source
    span      a <mask> d <mask>
    token     a <mask> <mask> d <mask>
    sentinel  a <0> d <1>
target
    masked    b c e
    separated b c <mask> e
    full      a b c d e
    sentinel  <0> b c <1> e <2>
    in-place  - b c - e, the labels of the source's own positions

A zero-length span (an insertion) is a <mask> in the source and an empty run in the target; between
two masked tokens an insertion only separates their runs. <s> and </s> enclose sources and targets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numba import njit

from maskpolicy.arrow_files import read_batches, unpack_bits
from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.corruption.objective import Objective
from maskpolicy.decisions.base import Decisions
from maskpolicy.decisions.files import read_decisions
from maskpolicy.errors import ArtefactError
from maskpolicy.models.labels import IGNORED
from maskpolicy.randomness import below, draw, stream, uniform

_SOURCES = ("span", "token", "sentinel")
_TARGETS = ("masked", "separated", "full", "sentinel", "in-place")
_SPAN, _TOKEN, _SENTINEL = range(3)
_MASKED, _SEPARATED, _FULL, _SENTINELS, _IN_PLACE = range(5)
_NO_FLAGS = np.zeros(0, np.bool_)

_KernelInputs = tuple[Any, Any, Any, Any, Any, Any, Any, Any, Any]
"""The first nine arguments of the kernel, which say what is to be rendered."""


@dataclass(frozen=True)
class TokenColumns:
    """A corpus of R rows holding T tokens, which are memory-mapped where they were read from files.

    rows int64 [R], global row numbers; offsets int64 [R + 1] into input_ids uint16 or uint32 [T];
    sentence_start bool [T] or None, read only when sentences are permuted; batch_sizes, how many
    tokens each record batch had, which is how decisions are known to belong to them.
    """

    rows: np.ndarray
    offsets: np.ndarray
    input_ids: np.ndarray
    sentence_start: np.ndarray | None = None
    batch_sizes: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class SpecialIds:
    """The ids that rendering adds. `bos` is None where sequences begin without one (T5).

    sentinels: T5's <extra_id_0>, <extra_id_1>, …; reserved: further ids that are no text (<unk>);
    random replacements are drawn from the ids below `vocabulary_size` that are none of all these.
    """

    bos: int | None
    pad: int
    eos: int
    mask: int | None
    sentinels: tuple[int, ...] = ()
    reserved: tuple[int, ...] = ()
    vocabulary_size: int = 0

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "SpecialIds":
        """The special ids of a tokenizer."""
        sentinels: list[int] = []
        while (token := tokenizer.backend.token_to_id(f"<extra_id_{len(sentinels)}>")) is not None:
            sentinels.append(token)
        added = tokenizer.backend.get_added_tokens_decoder()
        return cls(
            bos=tokenizer.bos,
            pad=tokenizer.pad,
            eos=tokenizer.eos,
            mask=tokenizer.mask,
            sentinels=tuple(sentinels),
            reserved=tuple(token for token, description in added.items() if description.special),
            vocabulary_size=tokenizer.vocabulary_size,
        )

    @property
    def ends(self) -> int:
        """How many of them enclose a sequence: <s> and </s>, or </s> alone."""
        return 1 if self.bos is None else 2

    def not_text(self) -> np.ndarray:
        """Every id that no random replacement may be, sorted, int64."""
        ids = {self.bos, self.pad, self.eos, self.mask, *self.sentinels, *self.reserved}
        return np.array(sorted(token for token in ids if token is not None), np.int64)


@dataclass(frozen=True)
class RenderedBatch:
    """Training examples: source int64 [B, S] and target int64 [B, L], padded to the longest.

    Padding is `pad`. With the objective's `target: in-place` the target is the labels of the
    source's positions, IGNORED where nothing is predicted, padding included. Lengths are those
    without padding, int32 [B].
    """

    source: np.ndarray
    target: np.ndarray
    source_lengths: np.ndarray
    target_lengths: np.ndarray


def load_tokens(shards: Sequence[Path], *, sentences: bool = False) -> TokenColumns:
    """Read the token columns of a corpus; `sentences` too when the objective permutes them.

    Tokens, which are most of it, stay on disk: they are put one after the other in a file without a
    name beside the first shard, of 2 or 4 bytes a token, and memory-mapped. Raises ArtefactError,
    naming the file, when one is missing or damaged, or that one can't be written.
    """
    rows, sizes, input_ids, sentence_start = [], [], [], []
    for shard in shards:
        for batch in read_batches(shard):
            column = batch.column("input_ids")
            rows.append(batch.column("row").to_numpy())
            sizes.append(column.value_lengths().to_numpy())
            input_ids.append(column.flatten().to_numpy())
            if sentences:
                sentence_start.append(unpack_bits(batch.column("sentence_start").flatten()))
    return TokenColumns(
        rows=_joined(rows, np.int64),
        offsets=np.concatenate([[0], np.cumsum(_joined(sizes, np.int32), dtype=np.int64)]),
        input_ids=_mapped(input_ids, np.uint16, shards),
        sentence_start=_joined(sentence_start, np.bool_) if sentences else None,
        batch_sizes=tuple(map(len, input_ids)),
    )


def load_decisions(files: Sequence[Path], tokens: TokenColumns) -> Decisions:
    """Read the decisions of one epoch for the shards that `tokens` was loaded from, in their order.

    They are a byte a token in memory, two with insertions, and no more while they are read. Raises
    ArtefactError, naming the file, when one is missing, damaged, or of other rows.
    """
    ends = np.cumsum([0, *tokens.batch_sizes]).tolist()
    whole = {"mask": np.zeros(ends[-1], np.bool_)}
    number = 0
    for file in files:
        for decisions in read_decisions(file):
            if number == len(tokens.batch_sizes) or (
                len(decisions.mask) != tokens.batch_sizes[number]
            ):
                raise ArtefactError(f"{file} does not belong to its token shard: mask it again")
            for name, column in vars(decisions).items():
                if column is None:
                    continue
                if name not in whole:
                    whole[name] = np.zeros(ends[-1], np.bool_)
                whole[name][ends[number] : ends[number + 1]] = column
            number += 1
    if number < len(tokens.batch_sizes):
        raise ArtefactError(f"{', '.join(map(str, files))}: decisions are missing for some rows")
    return Decisions(**whole)


def rendered_lengths(
    tokens: TokenColumns, decisions: Decisions, objective: Objective
) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of every row's source and target with <s> and </s>, before any cut: int32 [R] each.

    Both are 0 where the row is dropped (no decision, so no example). Exact, except that a tokenizer
    without <s> saves one and one with too few sentinels masks less.
    """
    longest = int(np.diff(tokens.offsets).max(initial=0))
    special = SpecialIds(bos=0, pad=0, eos=0, mask=0, sentinels=(0,) * (2 * longest + 1))
    unmixed = objective.model_copy(update={"random": 0.0, "keep": 0.0})  # the lengths are the same
    select = np.arange(len(tokens))
    nothing = np.zeros((len(tokens), 0), np.int64)
    counted = np.zeros((2, len(tokens)), np.int32)
    _render(*_inputs(tokens, decisions, select, unmixed, special, 0), nothing, nothing, counted)
    return counted[0], counted[1]


def render(
    tokens: TokenColumns,
    decisions: Decisions,
    select: np.ndarray,
    objective: Objective,
    special: SpecialIds,
    *,
    source_length: int,
    target_length: int,
    key: int | np.uint64 = 0,
) -> RenderedBatch:
    """Render the rows with indices `select`, int64 [B], into a padded batch.

    A source or target longer than its limit is cut and still ends in </s> (`target: in-place` has
    the source's limit). T5's sentinels are numbered from left to right and one more ends the target
    (Raffel et al. 2020, figure 2); spans beyond the tokenizer's sentinels are left unmasked.
    `key` addresses random replacements and sentence permutations, together with the row.

    Raises ValueError for a dropped row and for an objective that lacks its special ids.
    """
    inputs = _inputs(tokens, decisions, select, objective, special, key)
    nothing = np.zeros((len(select), 0), np.int64)
    counted = np.zeros((2, len(select)), np.int32)
    _render(*inputs, nothing, nothing, counted)
    if len(select) and not counted[0].all():
        row = tokens.rows[select[int(counted[0].argmin())]]
        raise ValueError(f"row {row} has no decisions, so there is no example to render")
    in_place = objective.target == "in-place"
    longest_source, longest_target = counted.max(axis=1, initial=0)
    source_width = min(longest_source, source_length)
    target_width = source_width if in_place else min(longest_target, target_length)
    source = np.full((len(select), source_width), special.pad, np.int64)
    target = np.full((len(select), target_width), IGNORED if in_place else special.pad, np.int64)
    _render(*inputs, source, target, counted)
    lengths = np.minimum(counted, np.array([[source_width], [target_width]], np.int32))
    return RenderedBatch(source, target, lengths[0], lengths[1])


def _mapped(columns: list[np.ndarray], dtype: type, shards: Sequence[Path]) -> np.ndarray:
    """As `_joined`, but on disk."""
    if not any(map(len, columns)):
        return np.zeros(0, dtype)
    try:
        with TemporaryFile(dir=shards[0].parent) as file:
            for column in columns:
                column.tofile(file)
            file.flush()
            # Copied on write, which nobody does, so that it passes for an array in memory.
            return np.asarray(np.memmap(file, columns[0].dtype, "c"))
    except OSError as error:
        problem = error.strerror or error
        raise ArtefactError(f"cannot write a file beside {shards[0]}: {problem}") from error


def _joined(columns: list[np.ndarray], dtype: type) -> np.ndarray:
    return np.concatenate(columns) if columns else np.zeros(0, dtype)


def _inputs(
    tokens: TokenColumns,
    decisions: Decisions,
    select: np.ndarray,
    objective: Objective,
    special: SpecialIds,
    key: int | np.uint64,
) -> _KernelInputs:
    if len(decisions.mask) != len(tokens.input_ids):
        raise ValueError(f"{len(decisions.mask)} decisions for {len(tokens.input_ids)} tokens")
    if objective.permute_sentences and tokens.sentence_start is None:
        raise ValueError("permuting sentences needs tokens loaded with `sentences=True`")
    if objective.source == "sentinel" and len(special.sentinels) < 2:
        raise ValueError("the tokenizer has no sentinels, which `source: sentinel` needs")
    if special.mask is None and objective.source != "sentinel":
        raise ValueError("the tokenizer has no <mask>, which the objective needs")
    if objective.target == "in-place" and decisions.insertions is not None:
        raise ValueError("insertions can't be rendered with `target: in-place`")
    not_text = special.not_text()
    if objective.random and special.vocabulary_size <= len(not_text):
        raise ValueError("random replacements need `vocabulary_size` among the special ids")
    return (
        np.uint64(key),
        (tokens.rows, tokens.offsets, tokens.input_ids),
        (decisions.mask, _NO_FLAGS if decisions.insertions is None else decisions.insertions),
        tokens.sentence_start if objective.permute_sentences else _NO_FLAGS,
        select,
        (_SOURCES.index(objective.source), _TARGETS.index(objective.target)),
        (objective.random, objective.keep, not_text, special.vocabulary_size),
        tuple(-1 if i is None else i for i in (special.bos, special.eos, special.mask)),
        np.array(special.sentinels, np.int64),
    )


@njit(cache=True, inline="always")
def _put(sequence, length, token):
    # Beyond the limit only the length grows: a sequence without room is how lengths are counted.
    if length < len(sequence):
        sequence[length] = token
    return length + 1


@njit(cache=True)
def _shown(random, position, token, mask_id, noise):
    """What a masked token is shown as (Devlin et al. 2019, section 3.1)."""
    random_share, keep_share, not_text, vocabulary_size = noise
    chance = uniform(draw(random, 2 * position))
    if chance >= random_share + keep_share:
        return mask_id
    if chance >= random_share:
        return np.int64(token)
    replacement = below(draw(random, 2 * position + 1), vocabulary_size - len(not_text))
    for reserved in not_text:  # sorted, so this counts past every id that is no text
        if replacement >= reserved:
            replacement += 1
    return replacement


@njit(cache=True)
def _sentence_order(random, sentence_start, first, last, permute, starts):
    """Fill starts[:k] with the shuffled beginnings of the row's k sentences; return k."""
    starts[0] = first
    sentences = 1
    if permute:
        for i in range(first + 1, last):
            if sentence_start[i]:
                starts[sentences] = i
                sentences += 1
        for s in range(sentences - 1, 0, -1):  # Fisher and Yates
            # Counted down from the end, away from the positions that random replacements use.
            other = below(draw(random, -s), s + 1)
            starts[s], starts[other] = starts[other], starts[s]
    return sentences


@njit(cache=True)
def _render(
    key,
    columns,
    decisions,
    sentence_start,
    select,
    forms,
    noise,
    special,
    sentinels,
    sources,
    targets,
    lengths,
):
    """Write each selected row as far as sources and targets have room; lengths [2, B] are uncut."""
    rows, offsets, input_ids = columns
    mask, insertions = decisions
    source_form, target_form = forms
    bos, eos, mask_id = special
    noisy = noise[0] + noise[1] > 0 and sources.shape[1] > 0
    inserts = len(insertions) > 0
    permute = len(sentence_start) > 0
    most_spans = len(sentinels) - 1 if source_form == _SENTINEL else len(mask) + 1

    longest = 1
    if permute:
        for r in select:
            longest = max(longest, offsets[r + 1] - offsets[r])
    starts = np.empty(longest, np.int64)

    for b in range(len(select)):
        r = select[b]
        first, last = offsets[r], offsets[r + 1]
        dropped = True
        for i in range(first, last):
            if mask[i] or (inserts and insertions[i]):
                dropped = False
                break
        if dropped:
            lengths[:, b] = 0
            continue
        source, target = sources[b], targets[b]
        random = stream(key, rows[r])
        s = t = 0
        if bos >= 0:
            s = _put(source, s, bos)
            t = _put(target, t, np.int64(IGNORED) if target_form == _IN_PLACE else bos)
        spans = 0
        exhausted = False  # of sentinels: from here on nothing is masked
        for k in range(_sentence_order(random, sentence_start, first, last, permute, starts)):
            end = last
            if permute:
                end = starts[k] + 1
                while end < last and not sentence_start[end]:
                    end += 1
            inside = False  # a run of masked tokens; it ends with a sentence that moves
            for i in range(starts[k], end):
                token = np.int64(input_ids[i])
                masked = mask[i] and not exhausted
                inserted = inserts and insertions[i] and not exhausted
                if inserted or (masked and not inside):
                    empty = inserted and not (masked and inside)
                    for _ in range(np.int64(empty) + np.int64(masked)):
                        if spans == most_spans:
                            exhausted = True
                            masked = False
                            break
                        if source_form == _SPAN:
                            s = _put(source, s, mask_id)
                        elif source_form == _SENTINEL:
                            s = _put(source, s, sentinels[spans])
                        if target_form == _SENTINELS:
                            t = _put(target, t, sentinels[spans])
                        elif target_form == _SEPARATED and spans > 0:
                            t = _put(target, t, mask_id)
                        spans += 1
                    if empty and source_form == _TOKEN:
                        s = _put(source, s, mask_id)
                inside = masked
                if not masked:
                    s = _put(source, s, token)
                    if target_form == _IN_PLACE:
                        t = _put(target, t, np.int64(IGNORED))
                    continue
                if source_form == _TOKEN:
                    shown = _shown(random, i - first, token, mask_id, noise) if noisy else mask_id
                    s = _put(source, s, shown)
                if target_form != _FULL:
                    t = _put(target, t, token)
        if target_form == _FULL:
            room = max(0, min(last - first, len(target) - t))
            target[t : t + room] = input_ids[first : first + room]
            t += last - first
        elif target_form == _SENTINELS:
            t = _put(target, t, sentinels[spans])
        if len(source):
            source[min(s, len(source) - 1)] = eos
        if len(target):
            end = np.int64(IGNORED) if target_form == _IN_PLACE else eos
            target[min(t, len(target) - 1)] = end
        lengths[0, b] = s + 1
        lengths[1, b] = t + 1
