"""How much text and how many examples there are: counted, or assumed."""

import bz2
import json

import pytest
from support.configurations import configuration, set_key

from maskpolicy.artefacts import write_json
from maskpolicy.forecast.texts import BYTES_A_TOKEN, COMPRESSION, TRAIN, TaskSize

SHARDS = "results/config/corpora/factbook/bpe-4k"
DOCUMENTS = "results/config/corpora/factbook/documents.json"


def own_documents(path, **keys):
    study = configuration()
    documents = {"source": "own-documents", "path": str(path)}
    study["corpora"]["factbook"] |= {"documents": documents, "rows": "passages"} | keys
    return study


def test_shards_are_counted_when_all_are_there_and_documents_before_them(forecast_of, folder):
    texts = forecast_of().texts
    assumed = texts.corpus("factbook", "bpe-4k")
    # 64 rows in each of 1400 steps, and 32 masks of each row.
    assert assumed.rows == 64 * 1400 / 32
    assert "corpora.factbook" in texts.assumed
    write_json(folder / DOCUMENTS, {"parts": [{"text_bytes": 8000}, {"text_bytes": 4000}]})
    assert texts.corpus("factbook", "bpe-4k").tokens == 12_000 / BYTES_A_TOKEN
    write_json(folder / SHARDS / "shard-1.json", {"tokens": 70, "rows": 8})
    assert texts.corpus("factbook", "bpe-4k").tokens == 12_000 / BYTES_A_TOKEN
    write_json(folder / SHARDS / "shard-0.json", {"tokens": 50, "rows": 4})
    assert texts.corpus("factbook", "bpe-4k")[:2] == (120, 12)
    assert texts.corpus("factbook", "bpe-4k").row == 10


def test_files_say_how_much_text_there_is_compressed_ones_too(forecast_of, folder):
    plain, packed = folder / "a.jsonl", folder / "a.jsonl.bz2"
    plain.write_text(json.dumps({"text": "x" * 100_000}) + "\n")
    packed.write_bytes(bz2.compress(plain.read_bytes()))
    sizes = {
        path: forecast_of(own_documents(path)).texts.corpus("factbook", "bpe-4k")
        for path in (plain, packed)
    }
    assert sizes[plain].bytes == plain.stat().st_size
    assert sizes[packed].bytes == COMPRESSION * packed.stat().st_size
    assert sizes[plain].tokens == plain.stat().st_size / BYTES_A_TOKEN


@pytest.mark.parametrize(("limit", "share"), [({"share": 0.25}, 0.25), (5, 0.2)])
def test_a_limit_reads_less(forecast_of, folder, limit, share):
    path = folder / "a.jsonl"
    path.write_text("x" * 100_000)
    texts = forecast_of(own_documents(path, limit=limit)).texts
    assert texts.corpus("factbook", "bpe-4k").bytes == 100_000 * share


def test_examples_are_counted_expected_or_dealt_from_what_is_assumed(forecast_of, folder):
    assert forecast_of().texts.task("factbook-qa") == TaskSize(
        round(0.65 * TRAIN), round(0.1 * TRAIN), round(0.25 * TRAIN)
    )
    expected = set_key(
        configuration("influence"), "tasks/nq/expected", {"train": 100, "dev": 20, "test": 30}
    )
    assert forecast_of(expected).texts.task("nq") == TaskSize(100, 20, 30)
    texts = forecast_of().texts
    splits = {"train": {"examples": 7}, "dev": {"examples": 3}, "test": {"examples": 2}}
    write_json(folder / "results/config/tasks/factbook-qa/manifest.json", {"splits": splits})
    assert texts.task("factbook-qa") == TaskSize(7, 3, 2)
    assert "tasks.factbook-qa" not in texts.assumed


def test_of_labelled_examples_all_labels_count(forecast_of, folder):
    splits = {"train": {"good": 3, "bad": 4}, "dev": {"good": 3}, "test": {"bad": 2}}
    manifest = {"kind": "classification", "splits": splits}
    texts = forecast_of().texts
    write_json(folder / "results/config/tasks/factbook-qa/manifest.json", manifest)
    assert texts.task("factbook-qa") == TaskSize(7, 3, 2)


def test_files_of_a_pattern_are_all_counted(forecast_of, folder):
    (folder / "data").mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        (folder / "data" / name).write_text("x" * 40_000)
    study = configuration()
    own = {"source": "own-pairs", "train": "data/*.jsonl"}
    study["tasks"]["factbook-qa"] |= {"examples": own, "dev": 10, "test": 20}
    study["knowledge"] = {"pages": {"path": "data/*.jsonl"}}
    texts = forecast_of(study).texts
    assert texts.task("factbook-qa") == TaskSize(200 - 30, 10, 20)
    assert texts.knowledge("pages") == 80_000
    assert not texts.assumed.keys() & {"knowledge.pages"}


def test_a_damaged_manifest_is_another_rule_s_to_refuse(forecast_of, folder):
    manifest = folder / "results/config/tasks/factbook-qa/manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{")
    assert forecast_of().texts.task("factbook-qa").train == round(0.65 * TRAIN)
