"""Exported pairs are what batches hold, in the order of the rows, without padding."""

import json
from typing import get_args

import numpy as np
import pytest

from maskpolicy.arrow_files import read_batches, read_table
from maskpolicy.artefacts import read_json, sha256
from maskpolicy.cli import main
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.corruption.objective import Objective
from maskpolicy.decisions.base import Decisions
from maskpolicy.decisions.files import decision_file, packed, write_decisions
from maskpolicy.models.labels import IGNORED
from maskpolicy.training import pairs
from maskpolicy.training.masked_data import MaskedBatches, MaskedCorpus

EPOCHS, MAX_LENGTH = 2, 16
PAIR_KEYS = pairs.PAIR_SCHEMA.names
OBJECTIVES = {
    "spans": Objective(source="span", target="masked"),
    "noisy": Objective(source="token", target="full", random=0.2, keep=0.2, permute_sentences=True),
    "in-place": Objective(source="token", target="in-place", random=0.1, keep=0.1),
}


@pytest.fixture(params=OBJECTIVES)
def corpus(request, materials):
    """A corpus of which every token is masked so seldom that some rows have no decision."""
    random = np.random.default_rng(0)
    masks = []
    for epoch in range(EPOCHS):
        files = [decision_file(materials.folder / "masks", epoch, s) for s in materials.shards]
        for shard, file in zip(materials.shards, files, strict=True):
            with write_decisions(file, inserts=False) as writer:
                for batch in read_batches(shard):
                    tokens = len(batch.column("input_ids").flatten())
                    writer.write_batch(packed(Decisions(random.random(tokens) < 0.1)))
        masks.append(files)
    objective = OBJECTIVES[request.param]
    return MaskedCorpus(materials.shards, masks, objective, materials.tokenizer, seed=3)


def unpadded(batch, padding):
    """The pairs of a batch; where targets are in place, they are as long as their sources."""
    for source, target in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
        source = [token for token in source if token != padding]
        if IGNORED in target:
            yield tuple(source), tuple(target[: len(source)])
        else:
            yield tuple(source), tuple(token for token in target if token != padding)


def test_pairs_are_those_of_the_batches(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(pairs, "ROWS", 7)  # several record batches
    output = tmp_path / "pairs"
    pairs.export_pairs(corpus, MAX_LENGTH, output)
    batches = MaskedBatches(corpus, copies=1, max_length=MAX_LENGTH, batch_size=4)
    stream = iter(batches)
    padding = batches.renderer.special.pad
    manifest = read_json(output / "manifest.json")
    for epoch, counts in enumerate(manifest["epochs"]):
        table = read_table(pairs.pair_file(output, epoch))
        assert table.schema == pairs.PAIR_SCHEMA
        rows = table["row"].to_pylist()
        assert rows == sorted(rows)
        assert 0 < counts["dropped"] == len(batches.renderer.tokens) - len(rows)
        exported = list(
            zip(
                map(tuple, table["source"].to_pylist()),
                map(tuple, table["target"].to_pylist()),
                strict=True,
            )
        )
        one_pass = [next(stream) for _ in range(-(-len(rows) // 4))]
        rendered = [pair for batch in one_pass for pair in unpadded(batch, padding)]
        assert sorted(exported) == sorted(rendered)
        assert counts["pairs"] == len(exported)
        assert counts["source_tokens"] == sum(len(source) for source, _ in exported)
        assert counts["target_tokens"] == sum(len(target) for _, target in exported)
        name = f"epoch-{epoch}.arrow"
        assert manifest["files"][name]["sha256"] == sha256(output / name)


def test_json_lines_have_the_same_pairs_and_their_texts(corpus, tmp_path):
    for form in get_args(pairs.PairFormat):
        pairs.export_pairs(corpus, MAX_LENGTH, tmp_path / form, form)
    tokenizer = load_tokenizer(corpus.tokenizer)
    for epoch in range(EPOCHS):
        table = read_table(pairs.pair_file(tmp_path / "arrow", epoch))
        text = pairs.pair_file(tmp_path / "jsonl", epoch, "jsonl").read_text(encoding="utf-8")
        lines = [json.loads(line) for line in text.splitlines()]
        assert [{name: line[name] for name in PAIR_KEYS} for line in lines] == table.to_pylist()
        for line in lines:
            assert ("target_text" in line) != corpus.in_place
            for name in ("source", "target")[: 1 if corpus.in_place else 2]:
                written = tokenizer.backend.decode(line[name], skip_special_tokens=False)
                inner = written.removeprefix("<s>").removesuffix("</s>")
                assert line[f"{name}_text"] == inner.strip()
    if corpus.objective.source == "span":
        assert any("<mask>" in line["source_text"] for line in lines)
    counts = [read_json(tmp_path / form / "manifest.json")["epochs"] for form in ("arrow", "jsonl")]
    assert counts[0] == counts[1]


@pytest.mark.parametrize("form", get_args(pairs.PairFormat))
def test_the_command_writes_the_same_pairs(corpus, materials, tmp_path, monkeypatch, form):
    expected, output = tmp_path / "expected", tmp_path / "pairs"
    pairs.export_pairs(corpus, MAX_LENGTH, expected, form)
    options = {
        "masks": materials.folder / "masks",
        "objective": corpus.objective.model_dump_json(),
        "tokenizer": materials.tokenizer,
        "epochs": EPOCHS,
        "seed": corpus.seed,
        "max-length": MAX_LENGTH,
        "format": form,
        "output": output,
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", f"{value}")]
    shards = [str(shard) for shard in materials.shards]
    monkeypatch.setattr("sys.argv", ["maskpolicy", "export-pairs", *arguments, *shards])
    with pytest.raises(SystemExit) as finished:
        main()
    assert finished.value.code == 0
    for file in expected.iterdir():
        assert (output / file.name).read_bytes() == file.read_bytes()
