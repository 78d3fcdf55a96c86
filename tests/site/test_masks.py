"""The data of the mask viewer is what the decisions are, token for token."""

import base64
import shutil

import numpy as np
import pytest
from support.site_parts import bits, read_part
from support.site_study import (
    ARMS,
    EPOCHS,
    FEWER,
    FEWER_EPOCHS,
    documents,
    epochs_of,
    inserted,
    masked,
)

from maskpolicy.arrow_files import read_table
from maskpolicy.reporting.show_masks import find_corpus, read_passages
from maskpolicy.site import masks as room
from maskpolicy.site.masks import (
    about_arms,
    mask_files,
    read_masks,
    shown_rows,
    visible,
    write_masks,
)
from maskpolicy.site.results import StudyResults

NAME = "masks/factbook.bpe-4k"


@pytest.fixture(scope="module")
def passages(site):
    return read_part(site, f"{NAME}/passages")


@pytest.fixture(scope="module")
def lengths(results):
    folder = results / "corpora" / "factbook" / "bpe-4k"
    shards = [read_table(folder / f"shard-{i}.arrow") for i in range(2)]
    return [len(ids) for shard in shards for ids in shard["input_ids"].to_pylist()]


def test_every_passage_is_there_with_its_tokens(passages, lengths):
    assert passages["rows"] == list(range(len(lengths)))
    assert [len(begin) for begin in passages["begin"]] == lengths
    assert len(lengths) == len(documents())
    texts = " ".join(passages["texts"])
    assert "<script>" in texts and "🙂🙃" in texts and "القاهرة" in texts
    assert "\0" not in texts and "\x1b" not in texts and "\u202e" not in texts


@pytest.mark.parametrize("epoch", range(EPOCHS))
def test_bits_are_the_decisions(site, lengths, epoch):
    part = read_part(site, f"{NAME}/epoch-{epoch}")
    assert list(part) == [arm for arm in ARMS[1:] if epoch < epochs_of(arm)]
    for arm, of_arm in part.items():
        wanted = np.concatenate([masked(arm, epoch, n) for n in lengths])
        assert np.array_equal(bits(of_arm["mask"], sum(lengths)), wanted)
        assert ("insertions" in of_arm) == (arm == "rand")
    wanted = np.concatenate([inserted(epoch, n) for n in lengths])
    assert np.array_equal(bits(part["rand"]["insertions"], sum(lengths)), wanted)


def test_counts_are_over_all_epochs(site, lengths):
    part = read_part(site, f"{NAME}/all-epochs")
    for arm in ARMS[1:]:
        wanted = sum(
            np.concatenate([masked(arm, epoch, n) for n in lengths]).astype(int)
            for epoch in range(epochs_of(arm))
        )
        counts = np.frombuffer(base64.b64decode(part[arm]), "<u2")
        assert np.array_equal(counts, wanted)


def test_tokens_cut_the_text_as_show_masks_does(results, passages):
    corpus = find_corpus(results / "masks" / "factbook" / "bpe-4k" / "ssm")
    files = {
        "ssm": [
            results / "masks" / "factbook" / "bpe-4k" / "ssm" / "epoch-0" / shard.name
            for shard in corpus.shards
        ]
    }
    for passage in read_passages(corpus, files, passages["rows"]):
        (masking,) = passage.maskings
        shown = "".join(piece.text for piece in masking.pieces)
        assert len(shown) >= len(passages["texts"][passage.row])
        spans = [piece.text for piece in masking.pieces if piece.masked]
        begin, end = passages["begin"][passage.row], passages["end"][passage.row]
        tokens = np.flatnonzero(masked("ssm", 0, len(begin)))
        runs = np.split(tokens, np.flatnonzero(np.diff(tokens) > 1) + 1)
        text = visible(passages["texts"][passage.row]).replace("\n", " ").replace("\t", " ")
        cut = [text[begin[run[0]] : max(end[i] for i in run)] for run in runs if len(run)]
        assert cut == [span.translate(dict.fromkeys(map(ord, "␣↵⇥"), " ")) for span in spans]


def test_annotations_are_of_their_tokens(passages):
    assert all(entities == [[0, 1, "GPE"]] for entities in passages["entities"])
    assert passages["parts_of_speech"][0][:3] == ["NOUN", "VERB", "NOUN"]


def test_of_a_large_corpus_a_page_holds_passages_over_all_of_it(results, tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MOST_PASSAGES", 5)
    monkeypatch.setattr(room, "MOST_SHOWN", 1)
    (files,) = mask_files(StudyResults.read(results))
    masks = read_masks(files)
    about = write_masks(tmp_path, masks, shown_rows(masks, np.array([], int)))
    rows = read_part(tmp_path, f"{NAME}/passages")["rows"]
    assert (about["passages"], about["epochs"]) == (5, 1)
    assert about["made"] == {arm: epochs_of(arm) for arm in ARMS[1:]}
    assert rows[0] == 0 and rows[-1] == about["rows"] - 1 and len(rows) == 5


def test_a_page_holds_the_passages_that_are_wanted_first(results, monkeypatch):
    monkeypatch.setattr(room, "MOST_PASSAGES", 5)
    (files,) = mask_files(StudyResults.read(results))
    masks = read_masks(files)
    shown = shown_rows(masks, np.array([7, 1, 7, 2, 3])).tolist()
    assert {1, 2, 3, 7} < set(shown) and len(shown) == 5
    assert shown_rows(masks, np.arange(1, 10)).tolist() == [1, 3, 5, 7, 9]


@pytest.mark.parametrize(("room_for", "epochs"), [(15, 3), (14, 3), (13, 2), (10, 2), (9, 1)])
def test_a_page_holds_as_many_epochs_as_its_arms_have(
    results, tmp_path, monkeypatch, room_for, epochs
):
    """Five arms, one of which has two epochs and the others three: 14 in all."""
    (files,) = mask_files(StudyResults.read(results))
    masks = read_masks(files)
    monkeypatch.setattr(room, "MOST_SHOWN", room_for * masks.tokens)
    about = write_masks(tmp_path, masks, np.arange(len(masks.texts)))
    assert about["epochs"] == epochs
    of_one = about_arms(about, [FEWER])
    assert of_one["epochs"] == min(epochs, FEWER_EPOCHS) and of_one["arms"] == [FEWER]
    written = {path.stem for path in (tmp_path / "data" / NAME).glob("epoch-*")}
    assert written == {f"epoch-{epoch}" for epoch in range(epochs)}


def test_masks_are_of_as_many_epochs_as_are_there(results, tmp_path):
    folder = shutil.copytree(results, tmp_path / "study")
    masks = folder / "masks" / "factbook" / "bpe-4k"
    shutil.rmtree(masks / "ssm" / "epoch-1")
    (masks / "rand" / "epoch-0" / "shard-1.arrow").unlink()
    (files,) = mask_files(StudyResults.read(folder))
    made = {arm: len(of_arm) for arm, of_arm in read_masks(files).masks.items()}
    rest = {arm: epochs_of(arm) for arm in ARMS[2:]}
    assert made == rest | {"ssm": 1}


def test_the_page_says_how_many_masks_there_are(site):
    page = (site / "masks-factbook.bpe-4k.html").read_text()
    assert f"{len(documents())} passages; {FEWER_EPOCHS} to {EPOCHS} masks of each" in page


def test_no_more_is_read_than_a_page_needs(results, monkeypatch):
    monkeypatch.setattr(room, "MOST_TOKENS", 1)
    (files,) = mask_files(StudyResults.read(results))
    read = read_masks(files)
    assert len(read.texts) < read.total
