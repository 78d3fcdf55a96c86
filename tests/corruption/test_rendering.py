"""Corruption: x comes back from (source, target), nothing else changes, limits hold, noise has its
shares."""

from dataclasses import replace
from mmap import mmap

import numpy as np
import pyarrow as pa
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from maskpolicy.arrow_files import write_table
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.corruption.objective import Objective
from maskpolicy.corruption.rendering import (
    SpecialIds,
    TokenColumns,
    load_decisions,
    load_tokens,
    render,
    rendered_lengths,
)
from maskpolicy.decisions.base import Decisions
from maskpolicy.errors import ArtefactError
from maskpolicy.models.labels import IGNORED

BOS, PAD, EOS, UNK, MASK = range(5)
SENTINELS = tuple(range(90, 96))
SPECIAL = SpecialIds(BOS, PAD, EOS, MASK, SENTINELS, reserved=(UNK,), vocabulary_size=100)
BERT = Objective(source="token", target="in-place", random=0.1, keep=0.1)
NO_LIMIT = {"source_length": 1000, "target_length": 1000}

# x, mask, insertions of a row with at least one decision; text has the ids 10 to 59.
token = st.tuples(st.integers(10, 59), st.booleans(), st.integers(0, 4).map(lambda x: x == 0))
rows = st.lists(
    st.lists(token, min_size=1, max_size=20).filter(lambda row: any(m or i for _, m, i in row)),
    min_size=1,
    max_size=4,
)
quick = settings(max_examples=60, deadline=None)


def corpus(rows, with_insertions):
    offsets = np.cumsum([0, *map(len, rows)])
    flat = [token for row in rows for token in row]
    input_ids, mask, insertions = (np.array(column) for column in zip(*flat, strict=True))
    tokens = TokenColumns(np.arange(len(rows)) + 7, offsets, input_ids.astype(np.uint16))
    if not with_insertions and not mask.any():
        mask[:] = True
    return tokens, Decisions(mask, insertions if with_insertions else None)


def kept(tokens, decisions, objective):
    return np.flatnonzero(rendered_lengths(tokens, decisions, objective)[0])


def unpadded(sequence):
    """Between <s> and </s>, whose places are checked, as is the padding."""
    sequence = sequence.tolist()
    end = sequence.index(EOS)
    assert sequence[0] == BOS
    assert set(sequence[end + 1 :]) <= {PAD}
    return sequence[1:end]


def runs(target, separator=MASK):
    segments = [[]]
    for token in target:
        if token == separator:
            segments.append([])
        else:
            segments[-1].append(token)
    return segments


def recovered(source, target, objective):
    """x from a source and a target, knowing nothing of the decisions."""
    if objective.target == "full":
        return target
    x = []
    if objective.target == "masked":  # one mask a token
        hidden = iter(target)
        return [next(hidden) if token == MASK else token for token in source]
    if objective.target == "sentinel":
        content = dict.fromkeys(SENTINELS, ())
        for token in target:
            if token in SENTINELS:
                content[token] = last = []
            else:
                last.append(token)
        return [t for token in source for t in content.get(token, [token])]
    segments = iter(runs(target))
    owed = 0  # masks that the tokens of the last segment still stand behind
    for token in source:
        if token != MASK:
            x.append(token)
        elif owed:
            owed -= 1
        else:
            segment = next(segments)
            x += segment
            owed = max(0, len(segment) - 1) if objective.source == "token" else 0
    return x


LOSSLESS = [
    (Objective(target="full"), True),
    (Objective(target="separated"), True),
    (Objective(source="token", target="full", random=0.2, keep=0.2), True),
    (Objective(source="token", target="masked"), False),
    (Objective(source="token", target="separated"), True),
    (Objective(source="sentinel", target="sentinel"), True),
    (Objective(source="sentinel", target="full"), True),
]


@pytest.mark.parametrize(("objective", "with_insertions"), LOSSLESS)
@quick
@given(rows=rows)
def test_x_is_recovered_from_source_and_target(objective, with_insertions, rows):
    tokens, decisions = corpus(rows, with_insertions)
    select = kept(tokens, decisions, objective)
    batch = render(tokens, decisions, select, objective, SPECIAL, **NO_LIMIT)
    for row, source, target in zip(select, batch.source, batch.target, strict=True):
        x = [token for token, _, _ in rows[row]]
        assert recovered(unpadded(source), unpadded(target), objective) == x


@quick
@given(rows=rows)
def test_in_place_labels_are_the_masked_tokens_at_their_places(rows):
    tokens, decisions = corpus(rows, with_insertions=False)
    select = kept(tokens, decisions, BERT)
    batch = render(tokens, decisions, select, BERT, SPECIAL, **NO_LIMIT, key=3)
    assert batch.source.shape == batch.target.shape
    for row, source, target in zip(select, batch.source, batch.target, strict=True):
        begin, end = tokens.offsets[row], tokens.offsets[row + 1]
        x, mask = tokens.input_ids[begin:end].astype(int), decisions.mask[begin:end]
        shown, labels = source[1 : len(x) + 1], target[1 : len(x) + 1]
        assert (labels == np.where(mask, x, IGNORED)).all()
        assert (shown[~mask] == x[~mask]).all()
        assert len(unpadded(source)) == len(x)
        assert (np.delete(target, np.s_[1 : len(x) + 1]) == IGNORED).all()


# x is 10 to 17; 11 and 12 are masked as two spans, 14, and nothing before 16
@pytest.mark.parametrize(
    ("objective", "source", "target"),
    [
        (Objective(), [10, MASK, MASK, 13, MASK, 15, MASK, 16, 17], [11, 12, 14]),
        (
            Objective(target="separated"),
            [10, MASK, MASK, 13, MASK, 15, MASK, 16, 17],
            [11, MASK, 12, MASK, 14, MASK],
        ),
        (
            Objective(source="token", target="full"),
            [10, MASK, MASK, 13, MASK, 15, MASK, 16, 17],
            [10, 11, 12, 13, 14, 15, 16, 17],
        ),
        (
            Objective(source="sentinel", target="sentinel"),
            [10, 90, 91, 13, 92, 15, 93, 16, 17],
            [90, 11, 91, 12, 92, 14, 93, 94],
        ),
    ],
)
def test_insertions_are_rendered(objective, source, target):
    tokens = TokenColumns(
        np.zeros(1, np.int64), np.array([0, 8]), np.arange(10, 18, dtype=np.uint16)
    )
    mask, insertions = np.zeros((2, 8), np.bool_)
    mask[[1, 2, 4]] = True
    insertions[[2, 6]] = True
    batch = render(
        tokens, Decisions(mask, insertions), np.array([0]), objective, SPECIAL, **NO_LIMIT
    )
    assert unpadded(batch.source[0]) == source
    assert unpadded(batch.target[0]) == target


def test_a_run_of_masked_tokens_is_one_mask():
    tokens = TokenColumns(
        np.zeros(1, np.int64), np.array([0, 5]), np.arange(10, 15, dtype=np.uint32)
    )
    decisions = Decisions(np.array([False, True, True, False, True]))
    batch = render(tokens, decisions, np.array([0]), Objective(), SPECIAL, **NO_LIMIT)
    assert batch.source.tolist() == [[BOS, 10, MASK, 13, MASK, EOS]]
    assert batch.target.tolist() == [[BOS, 11, 12, 14, EOS]]


def test_spans_beyond_the_sentinels_stay_unmasked():
    x = np.arange(10, 30, dtype=np.uint16)
    tokens = TokenColumns(np.zeros(1, np.int64), np.array([0, 20]), x)
    decisions = Decisions(np.arange(20) % 2 == 1)
    objective = Objective(source="sentinel", target="sentinel")
    special = replace(SPECIAL, sentinels=(90, 91, 92))
    batch = render(tokens, decisions, np.array([0]), objective, special, **NO_LIMIT)
    assert unpadded(batch.source[0]) == [10, 90, 12, 91, *range(14, 30)]
    assert unpadded(batch.target[0]) == [90, 11, 91, 13, 92]


def test_sequences_without_bos():
    tokens = TokenColumns(np.zeros(1, np.int64), np.array([0, 2]), np.array([10, 11], np.uint16))
    special = replace(SPECIAL, bos=None, mask=None)
    objective = Objective(source="sentinel", target="sentinel")
    decisions = Decisions(np.array([False, True]))
    batch = render(tokens, decisions, np.array([0]), objective, special, **NO_LIMIT)
    assert batch.source.tolist() == [[10, 90, EOS]]
    assert batch.target.tolist() == [[90, 11, 91, EOS]]


@pytest.mark.parametrize("objective", [objective for objective, _ in LOSSLESS] + [BERT])
@quick
@given(rows=rows, source_length=st.integers(2, 9), target_length=st.integers(2, 9))
def test_limits_cut_sequences_that_still_end(objective, rows, source_length, target_length):
    tokens, decisions = corpus(rows, with_insertions=objective.target != "in-place")
    select = kept(tokens, decisions, objective)
    whole = render(tokens, decisions, select, objective, SPECIAL, **NO_LIMIT, key=5)
    lengths = {"source_length": source_length, "target_length": target_length}
    cut = render(tokens, decisions, select, objective, SPECIAL, **lengths, key=5)
    in_place = objective.target == "in-place"
    limits = source_length, source_length if in_place else target_length
    for full, short, limit in zip(
        (whole.source, whole.target), (cut.source, cut.target), limits, strict=True
    ):
        assert short.shape[1] == min(limit, full.shape[1])
        assert (short[:, : limit - 1] == full[:, : min(limit, full.shape[1])][:, : limit - 1]).all()
    for rendered in (whole, cut):
        assert ((rendered.source != PAD).sum(1) == rendered.source_lengths).all()
        present = rendered.source if in_place else rendered.target
        assert ((present != PAD).sum(1) == rendered.target_lengths).all()
    for row in cut.source:
        unpadded(row)


@pytest.mark.parametrize("objective", [objective for objective, _ in LOSSLESS] + [BERT])
@quick
@given(rows=rows)
def test_lengths_are_those_of_the_rendered_rows(objective, rows):
    tokens, decisions = corpus(rows, with_insertions=objective.target != "in-place")
    source, target = rendered_lengths(tokens, decisions, objective)
    many = replace(SPECIAL, sentinels=tuple(range(200, 300)), vocabulary_size=1000)
    for row in np.flatnonzero(source):
        batch = render(tokens, decisions, np.array([row]), objective, many, **NO_LIMIT)
        assert batch.source.shape == (1, source[row])
        assert batch.target.shape == (1, target[row])


def test_a_row_without_decisions_has_no_length_and_no_example():
    tokens = TokenColumns(np.array([5, 6]), np.array([0, 2, 4]), np.arange(10, 14, dtype=np.uint16))
    decisions = Decisions(np.array([False, True, False, False]))
    source, target = rendered_lengths(tokens, decisions, Objective())
    assert source.tolist() == [4, 0]
    assert target.tolist() == [3, 0]
    with pytest.raises(ValueError, match="row 6 has no decisions"):
        render(tokens, decisions, np.array([0, 1]), Objective(), SPECIAL, **NO_LIMIT)


def many_masked(n_rows=1000, n=100):
    x = np.full(n_rows * n, 50, np.uint16)
    tokens = TokenColumns(np.arange(n_rows), np.arange(n_rows + 1) * n, x)
    return tokens, Decisions(np.ones(n_rows * n, np.bool_))


def test_shares_of_mask_random_and_kept_tokens():
    tokens, decisions = many_masked()
    every_row = np.arange(len(tokens))
    batch = render(tokens, decisions, every_row, BERT, SPECIAL, **NO_LIMIT, key=11)
    shown = batch.source[:, 1:-1]
    n = shown.size
    replaced = shown[(shown != MASK) & (shown != 50)]
    # 89 ids are text, one of them is 50 itself; five standard deviations of a binomial share
    for share, expected in [
        ((shown == MASK).mean(), 0.8),
        ((shown == 50).mean(), 0.1 + 0.1 / 89),
        (len(replaced) / n, 0.1 * 88 / 89),
    ]:
        assert abs(share - expected) < 5 * (expected * (1 - expected) / n) ** 0.5
    ids, counts = np.unique(replaced, return_counts=True)
    assert set(ids) == set(range(5, 100)) - {50, *SENTINELS}
    expected = len(replaced) / len(ids)
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < len(ids) + 5 * (2 * len(ids)) ** 0.5


def test_noise_depends_on_key_and_row_alone():
    tokens, decisions = many_masked(20)
    together = render(tokens, decisions, np.arange(20), BERT, SPECIAL, **NO_LIMIT, key=1)
    for row in (0, 7, 19):
        alone = render(tokens, decisions, np.array([row]), BERT, SPECIAL, **NO_LIMIT, key=1)
        assert (alone.source[0] == together.source[row]).all()
    other = render(tokens, decisions, np.arange(20), BERT, SPECIAL, **NO_LIMIT, key=2)
    assert (other.source != together.source).any()


def test_sentences_are_permuted_evenly_and_whole():
    n_rows = 3000
    x = [10, 11, 12, 20, 30, 31]
    starts = np.array([True, False, False, True, True, False])
    tokens = TokenColumns(
        np.arange(n_rows),
        np.arange(n_rows + 1) * len(x),
        np.tile(np.array(x, np.uint16), n_rows),
        np.tile(starts, n_rows),
    )
    mask = np.tile(np.array([False, True, True, True, False, False]), n_rows)
    objective = Objective(target="full", permute_sentences=True)
    batch = render(
        tokens, Decisions(mask), np.arange(n_rows), objective, SPECIAL, **NO_LIMIT, key=9
    )
    assert (batch.target[:, 1:-1] == x).all()
    a, b, c = [10, MASK], [MASK], [30, 31]  # no run goes on into the next sentence
    orders = [a + b + c, a + c + b, b + a + c, b + c + a, c + a + b, c + b + a]
    counts = [(batch.source[:, 1:-1] == order).all(axis=1).sum() for order in orders]
    assert sum(counts) == n_rows
    assert min(counts) > n_rows / 6 - 5 * (n_rows / 6) ** 0.5


@pytest.mark.parametrize(
    "broken",
    [
        {"random": 0.6, "keep": 0.6, "source": "token"},
        {"random": 0.1},
        {"target": "in-place"},
        {"source": "sentinel", "target": "separated"},
        {"target": "sentinel"},
        {"permute_sentences": True},
    ],
)
def test_an_impossible_objective_is_refused(broken):
    with pytest.raises(ValidationError):
        Objective(**broken)


def test_an_objective_that_the_model_family_cannot_express():
    assert Objective().incompatibility("seq2seq") is None
    assert BERT.incompatibility("encoder") is None
    assert "target: masked" in Objective().incompatibility("encoder")
    assert "encoder models" in BERT.incompatibility("seq2seq")
    assert "inserts" in BERT.incompatibility("encoder", inserts=True)


@pytest.mark.parametrize(
    ("objective", "special", "message"),
    [
        (Objective(), replace(SPECIAL, mask=None), "no <mask>"),
        (Objective(source="sentinel", target="full"), replace(SPECIAL, sentinels=()), "sentinels"),
        (BERT, replace(SPECIAL, vocabulary_size=0), "vocabulary_size"),
        (Objective(target="full", permute_sentences=True), SPECIAL, "sentences=True"),
    ],
)
def test_an_objective_that_lacks_its_ids(objective, special, message):
    tokens, decisions = many_masked(1, 3)
    with pytest.raises(ValueError, match=message):
        render(tokens, decisions, np.array([0]), objective, special, **NO_LIMIT)


def test_special_ids_of_a_tokenizer():
    vocabulary = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "a": 5}
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    backend.add_special_tokens(["<extra_id_0>", "<extra_id_1>"])
    special = SpecialIds.of(Tokenizer(backend, bos=0, pad=1, eos=2, unk=3, mask=4))
    assert special.sentinels == (6, 7)
    assert special.vocabulary_size == 8
    assert special.not_text().tolist() == [0, 1, 2, 3, 4, 6, 7]


# --- reading --------------------------------------------------------------------------------------

X = [[10, 11, 12], [13], [14, 15]]


def write_shards(folder, rows, sizes, vocabulary_size=1 << 16):
    paths, row = [], 0
    for number, size in enumerate(sizes):
        batch = TokenBatch.from_lists(
            rows[row : row + size], rows=range(row, row + size), vocabulary_size=vocabulary_size
        )
        paths.append(folder / f"shard-{number}.arrow")
        write_table(paths[-1], pa.Table.from_batches([batch.tokens]))
        row += size
    return paths


def write_decisions(path, decisions):
    write_table(path, pa.table({"decisions": decisions}))
    return path


@pytest.mark.parametrize("sizes", [[3], [1, 2], [1, 1, 1], [0, 3]])
def test_tokens_are_the_same_in_any_number_of_shards(tmp_path, sizes):
    tokens = load_tokens(write_shards(tmp_path, X, sizes), sentences=True)
    assert tokens.rows.tolist() == [0, 1, 2]
    assert tokens.offsets.tolist() == [0, 3, 4, 6]
    assert tokens.input_ids.tolist() == [10, 11, 12, 13, 14, 15]
    assert tokens.input_ids.dtype == np.uint16
    assert tokens.sentence_start.tolist() == [True, False, False, True, True, False]


def test_a_large_vocabulary_is_read(tmp_path):
    tokens = load_tokens(write_shards(tmp_path, [[70000, 1]], [1], vocabulary_size=100_000))
    assert tokens.input_ids.tolist() == [70000, 1]


def test_tokens_stay_on_disk(tmp_path):
    shards = write_shards(tmp_path, X, [1, 2])
    tokens = load_tokens(shards)
    assert isinstance(tokens.input_ids.base, np.memmap | mmap)
    assert tokens.input_ids.tolist() == [token for row in X for token in row]
    assert sorted(tmp_path.iterdir()) == sorted(shards)  # the file has no name


def test_decisions_are_read(tmp_path):
    tokens = load_tokens(write_shards(tmp_path, X, [1, 2]))
    files = [
        write_decisions(tmp_path / "0.arrow", [True, False, True]),
        write_decisions(tmp_path / "1.arrow", [False, True, True]),
    ]
    decisions = load_decisions(files, tokens)
    assert decisions.mask.tolist() == [True, False, True, False, True, True]
    assert decisions.insertions is None


def test_decisions_of_other_rows_are_refused(tmp_path):
    tokens = load_tokens(write_shards(tmp_path, X, [3]))
    other = write_decisions(tmp_path / "other.arrow", [True, False, True, True, True])
    with pytest.raises(ArtefactError, match=r"other\.arrow does not belong"):
        load_decisions([other], tokens)
    with pytest.raises(ArtefactError, match=r"shard-0\.arrow holds no decisions"):
        load_decisions([tmp_path / "shard-0.arrow"], tokens)
    with pytest.raises(ArtefactError, match="decisions are missing"):
        load_decisions([], tokens)


def test_a_truncated_file_is_named(tmp_path):
    (shard,) = write_shards(tmp_path, X, [3])
    shard.write_bytes(shard.read_bytes()[:-20])
    with pytest.raises(ArtefactError, match=r"shard-0\.arrow"):
        load_tokens([shard])
    with pytest.raises(ArtefactError, match=r"absent\.arrow is missing"):
        load_tokens([tmp_path / "absent.arrow"])


def test_a_file_damaged_in_the_middle_is_named(tmp_path):
    (shard,) = write_shards(tmp_path, X, [3])
    content = bytearray(shard.read_bytes())
    schema_end = len(content) // 2
    content[schema_end - 64 : schema_end + 64] = b"\xff" * 128
    shard.write_bytes(content)
    with pytest.raises(ArtefactError, match=r"shard-0\.arrow"):
        load_tokens([shard])
