"""Masking: the same decisions however the work is split; counted, small, and whole or absent."""

import json
import tracemalloc
from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from maskpolicy.arrow_files import write_batches
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corruption.rendering import load_decisions, load_tokens
from maskpolicy.decisions.base import Decisions
from maskpolicy.decisions.budgets import BudgetCount
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.policies import specs
from maskpolicy.policies.masking import (
    CorpusMasks,
    ShardMasks,
    mask_corpus,
    mask_shard,
    match_corpus,
    match_shard,
)

N_ROWS = 60
RAND = specs.RandomTokens(kind="rand", rate=0.2)
INFILL = specs.OrigInfill(kind="orig-infill")
SSM = specs.Ssm(kind="ssm")


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(5)
    return [random.integers(10, 500, n).tolist() for n in random.integers(1, 40, N_ROWS)]


def write_shards(folder, rows, shards, rows_per_batch=16, entities=False):
    """(shard, annotations) paths; every second row has an entity."""
    paths = []
    for number, (begin, end) in enumerate(
        pairwise(np.linspace(0, len(rows), shards + 1, dtype=int))
    ):
        tokens, annotations = [], []
        for at in range(begin, end, rows_per_batch):
            part = range(at, min(at + rows_per_batch, end))
            batch = TokenBatch.from_lists(
                [rows[row] for row in part],
                rows=part,
                entities=[[(0, 1, "DATE")] if row % 2 else [] for row in part],
            )
            tokens.append(batch.tokens)
            annotations.append(batch.annotations)
        paths.append((folder / f"shard-{number}.arrow", folder / f"annotations-{number}.arrow"))
        for path, batches in zip(paths[-1], (tokens, annotations), strict=True):
            with write_batches(path, batches[0].schema) as writer:
                for batch in batches:
                    writer.write_batch(batch)
    return paths


def mask(folder, shards, name, spec, epochs, annotated=False):
    """The files of each epoch, in the order of the shards, and the manifests."""
    files = {epoch: [] for epoch in epochs}
    manifests = []
    for number, (shard, annotations) in enumerate(shards):
        manifests.append(folder / name / f"shard-{number}.json")
        masks = ShardMasks(shard, "corpus", name, 3, epochs, manifests[-1])
        mask_shard(masks, spec, annotations=annotations if annotated else None)
        for epoch in epochs:
            files[epoch].append(folder / name / f"epoch-{epoch}" / shard.name)
    return files, manifests


def match(folder, shards, matched, epochs):
    """The files of each epoch of the control of "infill", given those that it matches."""
    files = {epoch: [] for epoch in epochs}
    for number, (shard, _) in enumerate(shards):
        manifest = folder / "control" / f"shard-{number}.json"
        masks = ShardMasks(shard, "corpus", "infill@control", 3, epochs, manifest)
        match_shard(masks, INFILL, [matched[epoch][number] for epoch in epochs])
        for epoch in epochs:
            files[epoch].append(folder / "control" / f"epoch-{epoch}" / shard.name)
    return files


def test_controls_are_bit_identical_however_the_work_is_split(tmp_path, rows):
    loaded = []
    for name, number, per_batch, epochs in (("a", 1, 16, [0, 1]), ("b", 4, 7, [1, 0])):
        shards = write_shards(tmp_path / name, rows, number, rows_per_batch=per_batch)
        matched, _ = mask(tmp_path / name, shards, "infill", INFILL, epochs)
        control = match(tmp_path / name, shards, matched, epochs)
        tokens = load_tokens([shard for shard, _ in shards])
        loaded.append([load_decisions(files[1], tokens) for files in (matched, control)])
    (matched, control), (_, again) = loaded
    assert (again.mask == control.mask).all()
    assert (again.insertions == control.insertions).all()
    assert (control.mask != matched.mask).any()
    assert control.mask.sum() == matched.mask.sum()


def test_a_control_of_another_shard_is_refused(tmp_path, rows):
    first, second = write_shards(tmp_path, rows, 2)
    matched, _ = mask(tmp_path, [first], "infill", INFILL, [0])
    with pytest.raises(ArtefactError, match=r"does not belong to .*shard-1"):
        match(tmp_path, [second], matched, [0])
    assert not (tmp_path / "control" / "epoch-0" / "shard-0.arrow").exists()


@pytest.mark.parametrize(("name", "spec"), [("rand", RAND), ("infill", INFILL)])
def test_decisions_are_bit_identical_however_the_work_is_split(tmp_path, rows, name, spec):
    one = write_shards(tmp_path / "one", rows, 1)
    four = write_shards(tmp_path / "four", rows, 4, rows_per_batch=7)
    together, _ = mask(tmp_path / "a", one, name, spec, [0, 1, 2])
    split, _ = mask(tmp_path / "b", four, name, spec, [2, 0])
    alone, _ = mask(tmp_path / "c", one, name, spec, [1])
    tokens = {len(shards): load_tokens([shard for shard, _ in shards]) for shards in (one, four)}
    assert (tokens[1].rows == tokens[4].rows).all()
    epochs = [load_decisions(together[epoch], tokens[1]) for epoch in range(3)]
    for epoch, files in [(0, split[0]), (2, split[2]), (1, alone[1])]:
        again = load_decisions(files, tokens[len(files)])
        assert (again.mask == epochs[epoch].mask).all()
        if spec is INFILL:
            assert (again.insertions == epochs[epoch].insertions).all()
    assert (epochs[0].mask != epochs[1].mask).any()


@pytest.fixture
def corpus(tmp_path, rows):
    """Three shards with their annotations, each under its shard's name."""
    shards = write_shards(tmp_path / "in", rows, 3)
    annotations = tmp_path / "annotations"
    annotations.mkdir()
    for shard, annotated in shards:
        annotated.rename(annotations / shard.name)
    return [shard for shard, _ in shards], annotations


def mask_all(folder, corpus, spec=SSM, processes=1, seed=3):
    """A policy's masks for all shards, and its control's."""
    shards, annotations = corpus
    masks = CorpusMasks(shards, "corpus", "ssm", seed, [0, 1], folder / "ssm")
    mask_corpus(masks, spec, annotations=annotations, processes=processes)
    control = CorpusMasks(shards, "corpus", "ssm@control", seed, [0, 1], folder / "control")
    match_corpus(control, spec, folder / "ssm", processes=processes)


def written(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_corpus_is_masked_like_its_shards_whatever_the_number_of_processes(tmp_path, corpus):
    mask_all(tmp_path / "one", corpus)
    mask_all(tmp_path / "two", corpus, processes=2)
    assert written(tmp_path / "one") == written(tmp_path / "two")
    alone = tmp_path / "alone/shard-1.json"
    masks = ShardMasks(corpus[0][1], "corpus", "ssm", 3, [0, 1], alone)
    mask_shard(masks, SSM, annotations=corpus[1] / "shard-1.arrow")
    (name,) = alone.parent.glob("epoch-1/*")
    assert name.read_bytes() == (tmp_path / "one/ssm/epoch-1/shard-1.arrow").read_bytes()
    whole = json.loads((tmp_path / "one/ssm/manifest.json").read_text())
    assert list(whole["files"]) == [f"shard-{i}.json" for i in range(3)]
    assert (whole["rows"], whole["masked_tokens"]) == (2 * N_ROWS, N_ROWS)


def test_an_interrupted_job_masks_the_shards_that_are_missing_or_damaged(tmp_path, corpus, capsys):
    mask_all(tmp_path, corpus)
    before = written(tmp_path)
    (tmp_path / "ssm/manifest.json").unlink()
    (tmp_path / "ssm/shard-0.json").unlink()
    (tmp_path / "ssm/epoch-1/shard-2.arrow").write_bytes(b"half of")
    capsys.readouterr()
    mask_all(tmp_path, corpus)
    lines = [line.partition(":")[::2] for line in capsys.readouterr().err.splitlines()]
    kept = [name for name, said in lines if said == " is there, and kept"]
    assert kept == ["ssm, shard-1", *(f"ssm@control, shard-{i}" for i in range(3))]
    assert written(tmp_path) == before


@pytest.mark.parametrize("changed", ["seed", "spec", "shard", "annotations"])
def test_masks_of_something_else_are_made_anew(tmp_path, corpus, rows, capsys, changed):
    mask_all(tmp_path, corpus)
    others = write_shards(tmp_path / "others", [row[::-1] for row in rows], 3)
    if changed == "shard":
        corpus[0][1].write_bytes(others[1][0].read_bytes())
    if changed == "annotations":  # of another row's entity
        (corpus[1] / "shard-1.arrow").write_bytes(annotated_twice(corpus[1] / "shard-1.arrow"))
    capsys.readouterr()
    spec = specs.Ssm(kind="ssm", spans="all") if changed == "spec" else SSM
    mask_all(tmp_path, corpus, spec, seed=4 if changed == "seed" else 3)
    made = [line for line in capsys.readouterr().err.splitlines() if "% masked" in line]
    policy = [line.partition(":")[0] for line in made if line.startswith("ssm,")]
    all_of_them = [f"ssm, shard-{i}" for i in range(3)]
    assert policy == (all_of_them if changed in ("seed", "spec") else ["ssm, shard-1"])


def annotated_twice(path):
    """A file of annotations with further metadata: of other bytes."""
    table = pa.ipc.open_file(path).read_all().replace_schema_metadata({"again": "yes"})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def test_what_is_wrong_with_a_shard_is_said_by_the_job(tmp_path, corpus):
    corpus[0][1].write_bytes(b"no shard")
    with pytest.raises(ArtefactError, match=r"shard-1\.arrow is damaged"):
        mask_all(tmp_path, corpus, processes=2)
    assert not (tmp_path / "ssm/manifest.json").exists()


def test_the_end_says_how_much_is_masked_and_counts_a_token_once(
    tmp_path, rows, capsys, monkeypatch
):
    times = iter([0.0])
    monkeypatch.setattr("maskpolicy.policies.masking.monotonic", lambda: next(times, 2.0))
    _, (path,) = mask(tmp_path, write_shards(tmp_path, rows, 1), "infill", INFILL, [0, 1, 2])
    manifest = json.loads(path.read_text())
    line = capsys.readouterr().err.splitlines()[-1]
    assert 0.05 < manifest["rate"] < 0.5
    share = 100 * manifest["rate"]
    speed = sum(map(len, rows)) / 2
    assert line == f"infill, shard-0: {share:.1f} % masked, {speed:,.0f} tokens a second"


def test_a_rerun_is_byte_identical(tmp_path, rows):
    shards = write_shards(tmp_path, rows, 1)
    runs = [mask(tmp_path / run, shards, "infill", INFILL, [0]) for run in "ab"]
    for first, second in zip(runs[0][0][0] + runs[0][1], runs[1][0][0] + runs[1][1], strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_the_manifest_counts_what_the_files_hold(tmp_path, rows):
    shards = write_shards(tmp_path, rows, 1)
    files, (manifest,) = mask(tmp_path, shards, "infill", INFILL, [0, 1])
    facts = json.loads(manifest.read_text())
    tokens = load_tokens([shards[0][0]])
    lengths, zero_length, dropped = Counter(), 0, 0
    for (path,) in files.values():
        decided = load_decisions([path], tokens)
        for flags, inserted in zip(
            np.split(decided.mask.astype(int), tokens.offsets[1:-1]),
            np.split(decided.insertions.astype(int), tokens.offsets[1:-1]),
            strict=True,
        ):
            run = 0
            dropped += not any(flags) and not any(inserted)
            for masked, split in zip(flags, inserted, strict=True):
                if run and (not masked or split):
                    lengths[run] += 1
                    zero_length -= masked
                    run = 0
                zero_length += split
                run += masked
            lengths[run] += run > 0
    lengths = {str(length): count for length, count in sorted(lengths.items()) if length}
    n_tokens = 2 * sum(map(len, rows))
    masked = sum(int(length) * count for length, count in lengths.items())
    spans = sum(lengths.values())
    assert facts["corpus"] == "corpus"
    assert facts["policy"] == "infill"
    assert facts["epochs"] == [0, 1]
    assert facts["rows"] == 2 * N_ROWS
    assert facts["dropped_rows"] == dropped
    assert facts["tokens"] == n_tokens
    assert facts["masked_tokens"] == masked
    assert facts["rate"] == masked / n_tokens
    assert facts["spans"] == spans
    assert facts["mean_span"] == masked / spans
    assert facts["span_lengths"] == lengths
    assert facts["insertions"] == zero_length > 0
    assert set(facts["files"]) == {"epoch-0/shard-0.arrow", "epoch-1/shard-0.arrow"}


def test_spans_and_insertions_are_counted_by_row():
    count = BudgetCount()
    mask = np.array([0, 1, 1, 1, 0, 0, 1, 1], np.bool_)  # rows of 3, 2, 0, 1 and 2 tokens
    insertions = np.array([0, 0, 1, 0, 0, 0, 1, 0], np.bool_)
    count.add(np.array([0, 3, 5, 5, 6, 8], np.int32), Decisions(mask, insertions))
    facts = count.facts()
    assert facts["span_lengths"] == {"1": 3, "2": 1}
    assert facts["insertions"] == 1
    assert facts["dropped_rows"] == 2
    assert facts["masked_tokens"] == 5


def test_nothing_masked_is_counted_too():
    count = BudgetCount()
    count.add(np.array([0, 2], np.int32), Decisions(np.zeros(2, np.bool_)))
    assert count.facts() == {
        "rows": 1,
        "dropped_rows": 1,
        "tokens": 2,
        "masked_tokens": 0,
        "rate": 0.0,
        "spans": 0,
        "mean_span": 0.0,
        "insertions": 0,
        "span_lengths": {},
    }


def test_a_policy_that_reads_annotations(tmp_path, rows):
    shards = write_shards(tmp_path, rows, 2)
    files, manifests = mask(tmp_path, shards, "ssm", SSM, [0], annotated=True)
    facts = [json.loads(manifest.read_text()) for manifest in manifests]
    assert sum(fact["dropped_rows"] for fact in facts) == N_ROWS / 2
    tokens = load_tokens([shard for shard, _ in shards])
    masked = np.flatnonzero(load_decisions(files[0], tokens).mask)
    assert masked.tolist() == tokens.offsets[1:-1:2].tolist()


@pytest.mark.parametrize("spec", [RAND, INFILL])
def test_decisions_take_a_twelfth_of_the_token_ids(tmp_path, spec):
    random = np.random.default_rng(0)
    rows = [random.integers(10, 9000, n).tolist() for n in random.integers(10, 60, 1000)]
    shards = write_shards(tmp_path, rows, 1, rows_per_batch=1000)
    files, _ = mask(tmp_path, shards, "policy", spec, [0])
    assert files[0][0].stat().st_size <= 2 * sum(map(len, rows)) / 12


def peak_memory(work):
    """The most bytes that NumPy and Arrow held at once; pages of mapped files are the system's."""
    default = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(default)  # which counts from zero
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] + pool.max_memory()
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(default)


@pytest.mark.parametrize("spec", [RAND, INFILL, SSM])
def test_memory_holds_a_batch_whatever_the_size_of_the_shard(tmp_path, spec):
    n_rows, length = 2000, 100
    ids = np.random.default_rng(0).integers(10, 9000, (n_rows, length)).tolist()
    batch = TokenBatch.from_lists(ids, entities=[[(3, 5, "DATE")]] * n_rows)
    peaks = []
    for batches in (1, 2, 40):  # the first compiles
        paths = (tmp_path / f"shard-{batches}.arrow", tmp_path / f"annotations-{batches}.arrow")
        for path, part in zip(paths, (batch.tokens, batch.annotations), strict=True):
            with write_batches(path, part.schema) as writer:
                for _ in range(batches):
                    writer.write_batch(part)
        peaks.append(
            peak_memory(lambda paths=paths: mask(tmp_path, [paths], "policy", spec, [0, 1], True))
        )
    assert peaks[2] < 1.1 * peaks[1]
    assert peaks[2] < 6 * (2 * n_rows * length)  # the token ids of a batch


def leftovers(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_failure_leaves_nothing_behind(tmp_path, rows):
    shards = write_shards(tmp_path / "in", rows, 1)
    with pytest.raises(InputError, match="annotation"):
        mask(tmp_path / "out", shards, "ssm", SSM, [0, 1])
    assert leftovers(tmp_path / "out") == []


def test_a_truncated_shard_is_named(tmp_path, rows):
    ((shard, annotations),) = write_shards(tmp_path / "in", rows, 1)
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(ArtefactError, match=r"shard-0\.arrow is damaged"):
        mask(tmp_path / "out", [(shard, annotations)], "rand", RAND, [0])
    assert leftovers(tmp_path / "out") == []


def test_annotations_of_another_shard_are_named(tmp_path, rows):
    ((first, _),) = write_shards(tmp_path / "x", rows, 1)
    ((_, other),) = write_shards(tmp_path / "y", rows[::-1][:30], 1)
    with pytest.raises(ArtefactError, match=r"annotations-0\.arrow does not belong to .*shard-0"):
        mask(tmp_path / "out", [(first, other)], "ssm", SSM, [0], annotated=True)
    assert leftovers(tmp_path / "out") == []


def test_an_output_that_cannot_be_written_is_named(tmp_path, rows):
    shards = write_shards(tmp_path / "in", rows, 1)
    (tmp_path / "out" / "rand" / "epoch-0" / "shard-0.arrow").mkdir(parents=True)
    with pytest.raises(ArtefactError, match=r"cannot write .*epoch-0/shard-0\.arrow"):
        mask(tmp_path / "out", shards, "rand", RAND, [0, 1])
    names = [path.name for path in leftovers(tmp_path / "out")]
    assert set(names) <= {"shard-0.arrow"}  # no manifest, nothing half-written


def test_files_are_plain_arrow(tmp_path, rows):
    shards = write_shards(tmp_path, rows, 1)
    files, _ = mask(tmp_path, shards, "rand", RAND, [0])
    with pa.ipc.open_file(files[0][0]) as decisions, pa.ipc.open_file(shards[0][0]) as tokens:
        assert decisions.schema == pa.schema({"decisions": pa.bool_()})
        assert decisions.num_record_batches == tokens.num_record_batches
        for i in range(tokens.num_record_batches):
            ids = tokens.get_batch(i).column("input_ids").flatten()
            assert decisions.get_batch(i).num_rows == len(ids)
