"""Exported masks: what the folder says, and batches of somebody else's loader, bit for bit ours."""

from itertools import islice
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest
import torch
import yaml
from torch.utils.data import DataLoader
from transformers import AutoTokenizer, TrainerCallback, TrainerState
from typer.testing import CliRunner

from maskpolicy import cli
from maskpolicy.arrow_files import read_batches
from maskpolicy.artefacts import read_json, sha256
from maskpolicy.corpora.documents import write_documents
from maskpolicy.corpora.sharding import shard_corpus
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.tokenizer import load_tokenizer, train_tokenizer
from maskpolicy.corruption.collator import MaskCollator
from maskpolicy.corruption.mask_dataset import export_masks
from maskpolicy.corruption.objective import Objective
from maskpolicy.decisions.files import decision_file, read_decisions
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.models.batches import InPlaceBatch
from maskpolicy.models.labels import IGNORED
from maskpolicy.models.losses import sequence_loss
from maskpolicy.policies.masking import ShardMasks, mask_shard
from maskpolicy.policies.specs import OrigInfill, RandomTokens
from maskpolicy.sources.base import Document
from maskpolicy.training.masked_data import MaskedBatches, MaskedCorpus

EPOCHS, SEED, MAX_LENGTH, ROWS = 2, 3, 16, 40
MASKED_LM = Objective(source="token", target="in-place", random=0.2, keep=0.2)
OBJECTIVES = {
    "masked-lm": MASKED_LM,
    "spans": Objective(source="span", target="masked"),
    "noisy": Objective(source="token", target="full", random=0.2, keep=0.2, permute_sentences=True),
}


class Masks(NamedTuple):
    """Masks of two shards, and where they were exported to."""

    shards: list
    folder: object
    tokenizer: object
    exported: object


@pytest.fixture(scope="module")
def make_masks(tmp_path_factory):
    """Masks a corpus with a policy, so seldom that some rows have no decision, and exports that."""

    def make(policy):
        folder = tmp_path_factory.mktemp("masks")
        texts = [f"The capital of land {i} is town {i * 7 % ROWS}. It is green." for i in range(30)]
        texts += ["a"] * (ROWS - 30)  # of one token, which no policy masks
        write_documents([Document("", text) for text in texts], folder / "documents")
        spec = TrainedTokenizer(train_on=("corpus",), vocabulary_size=320)
        train_tokenizer([folder / "documents"], spec, folder / "tokenizer")
        shards = [folder / f"shard-{i}.arrow" for i in range(2)]
        for i, shard in enumerate(shards):
            shard_corpus(
                *(folder / "documents", folder / "tokenizer", shard),
                **{"sequence_length": 32, "shard": i, "shards": 2},
            )
            manifest = folder / "masks" / f"shard-{i}.json"
            mask_shard(ShardMasks(shard, "towns", "seldom", 5, range(EPOCHS), manifest), policy)
        masks = Masks(shards, folder / "masks", folder / "tokenizer", folder / "exported")
        export_masks(shards, masks.folder, masks.tokenizer, masks.exported)
        return masks

    return make


@pytest.fixture(scope="module")
def masks(make_masks):
    return make_masks(RandomTokens(kind="rand", rate=0.1))


def rows_of(masks):
    return [
        row
        for file in sorted(masks.exported.glob("*.parquet"))
        for row in pq.read_table(file).to_pylist()
    ]


def corpus_of(masks, objective):
    files = [[decision_file(masks.folder, e, s) for s in masks.shards] for e in range(EPOCHS)]
    return MaskedCorpus(masks.shards, files, objective, masks.tokenizer, SEED)


def loader_of(masks, collator, workers):
    return DataLoader(
        rows_of(masks),
        batch_size=8,
        shuffle=True,
        collate_fn=collator,
        num_workers=workers,
        persistent_workers=workers > 0,
    )


def collated(batches):
    """The examples of batches of a collator, without padding."""
    for batch in batches:
        for ids, present, labels in zip(*map(torch.Tensor.tolist, batch.values()), strict=True):
            width = sum(present)
            assert present == [1] * width + [0] * (len(present) - width)
            yield tuple(ids[:width]), tuple(labels)


def rendered(batches, padding, width):
    """Those of our own, their targets as labels, as wide as `width` says."""
    for batch in batches:
        for source, target in zip(batch.source.tolist(), batch.target.tolist(), strict=True):
            ids = tuple(token for token in source if token != padding)
            labels = (
                target
                if isinstance(batch, InPlaceBatch)
                else [IGNORED if token == padding else token for token in target]
            )
            yield ids, tuple(labels)


def stripped(examples):
    """With labels that end with the last one; sorted, for their order is the loader's."""

    def end(labels):
        return max((i + 1 for i, label in enumerate(labels) if label != IGNORED), default=0)

    return sorted((ids, labels[: end(labels)]) for ids, labels in examples)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("objective", OBJECTIVES.values(), ids=OBJECTIVES)
def test_batches_of_a_shuffling_loader_are_ours_in_every_epoch(masks, objective, workers):
    torch.manual_seed(workers)
    collator = MaskCollator(masks.exported, objective, seed=SEED, max_length=MAX_LENGTH)
    loader = loader_of(masks, collator, workers)
    ours = MaskedBatches(corpus_of(masks, objective), copies=1, max_length=MAX_LENGTH, batch_size=8)
    padding = ours.renderer.special.pad
    stream = iter(ours)
    before = None
    for epoch in range(EPOCHS + 1):  # then masks start over, replacements don't
        collator.on_epoch_begin(None, TrainerState(epoch=epoch + 0.4), None)
        kept = int(ours.renderer.epoch(epoch).kept.sum())
        assert 0 < kept < ROWS, "some rows have no decision"
        expected = rendered(islice(stream, -(-kept // 8)), padding, MAX_LENGTH)
        found = stripped(collated(loader))
        assert found == stripped(expected)
        assert found != before
        before = found


def test_a_batch_is_ours_in_form_too(masks):
    """Row by row, with its padding."""
    collator = MaskCollator(masks.exported, MASKED_LM, seed=SEED, max_length=MAX_LENGTH)
    renderer = MaskedBatches(
        corpus_of(masks, MASKED_LM), copies=1, max_length=MAX_LENGTH, batch_size=8
    ).renderer
    rows = rows_of(masks)
    epoch = renderer.epoch(1)
    chosen = [i for i in (7, 3, 30, 12, 25) if epoch.kept[i]]
    ours = renderer.render(torch.tensor(chosen).numpy(), epoch)
    collator.set_epoch(1)
    batch = collator([rows[i] for i in chosen])
    assert torch.equal(batch["input_ids"], torch.from_numpy(ours.source))
    assert torch.equal(batch["labels"], torch.from_numpy(ours.target))
    assert batch["attention_mask"].sum(1).tolist() == ours.source_lengths.tolist()


def test_a_model_of_transformers_has_our_loss(masks, make_tiny_bart):
    objective = OBJECTIVES["spans"]
    tokenizer = load_tokenizer(masks.tokenizer)
    ids = {"pad_token_id": tokenizer.pad, "decoder_start_token_id": tokenizer.eos}
    model = make_tiny_bart(vocab_size=tokenizer.vocabulary_size, **ids).eval()
    ours = MaskedBatches(corpus_of(masks, objective), copies=1, max_length=32, batch_size=ROWS)
    collator = MaskCollator(masks.exported, objective, seed=SEED, max_length=32)
    expected = sequence_loss(model, next(iter(ours)), 0.0)
    assert torch.allclose(model(**collator(rows_of(masks))).loss, expected, atol=1e-6)


def test_trainer_takes_it_for_a_callback(masks):
    collator = MaskCollator(masks.exported, MASKED_LM, seed=SEED, max_length=MAX_LENGTH)
    assert isinstance(collator, TrainerCallback)
    for epoch, expected in ((None, 0), (0, 0), (1.0, 1), (1.7, 1)):
        collator.on_epoch_begin(None, TrainerState(epoch=epoch), None)
        assert int(collator.epoch) == expected


def test_what_cannot_be_a_batch_is_refused(masks):
    collator = MaskCollator(masks.exported, MASKED_LM, seed=SEED, max_length=MAX_LENGTH)
    [unmasked, *_] = [row for row in rows_of(masks) if not any(row["mask_0"])]
    with pytest.raises(InputError, match="no row of a batch has a mask in epoch 0"):
        collator([unmasked])
    with pytest.raises(InputError, match=r"no column 'row': .* remove_unused_columns=False"):
        collator([{"input_ids": unmasked["input_ids"]}])


def test_the_folder_has_all_masks_and_says_what_they_are(masks):
    rows = rows_of(masks)
    assert [row["row"] for row in rows] == list(range(ROWS)) or len(rows) == ROWS
    for epoch in range(EPOCHS):
        decided = [
            flag
            for shard in masks.shards
            for decisions in read_decisions(decision_file(masks.folder, epoch, shard))
            for flag in decisions.mask.tolist()
        ]
        assert [flag for row in rows for flag in row[f"mask_{epoch}"]] == decided
    tokens = [
        ids
        for shard in masks.shards
        for batch in read_batches(shard)
        for ids in batch.column("input_ids").to_pylist()
    ]
    assert [row["input_ids"] for row in rows] == tokens
    manifest = read_json(masks.exported / "manifest.json")
    known = {"corpus": "towns", "policy": "seldom", "seed": 5, "epochs": EPOCHS}
    assert manifest.items() >= (known | {"insertions": False}).items()
    for name in ("shard-0.parquet", "tokenizer/tokenizer.json", "README.md"):
        assert manifest["files"][name]["sha256"] == sha256(masks.exported / name)
    assert len(AutoTokenizer.from_pretrained(masks.exported / "tokenizer")) == 320
    _, head, text = (masks.exported / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(head)["configs"][0]["data_files"] == "*.parquet"
    budget = manifest["budget"]
    rate = 100 * budget["masked_tokens"] / budget["tokens"]
    assert "# towns, masked by seldom\n" in text and f"| {rate:.2f} % |" in text
    assert "2 epochs of masks (seed 5)" in text and f"| sequences | {ROWS} |" in text


def test_insertions_are_columns_of_their_own(make_masks):
    masks = make_masks(OrigInfill(kind="orig-infill", rate=0.3, mean_span=1))
    objective = OBJECTIVES["spans"]
    assert any(any(row["insertions_1"]) for row in rows_of(masks))
    collator = MaskCollator(masks.exported, objective, seed=SEED, max_length=MAX_LENGTH)
    ours = MaskedBatches(corpus_of(masks, objective), copies=1, max_length=MAX_LENGTH, batch_size=8)
    kept = int(ours.renderer.epoch(0).kept.sum())
    expected = rendered(islice(ours, -(-kept // 8)), ours.renderer.special.pad, MAX_LENGTH)
    assert stripped(collated(loader_of(masks, collator, 0))) == stripped(expected)
    in_place = MaskCollator(masks.exported, MASKED_LM, seed=SEED, max_length=MAX_LENGTH)
    with pytest.raises(ValueError, match="insertions can't be rendered"):
        in_place(rows_of(masks))


def test_the_command_writes_it_and_refuses_masks_that_differ(masks, tmp_path):
    arguments = ["--masks", masks.folder, "--tokenizer", masks.tokenizer]
    arguments += ["--output", tmp_path / "again", masks.shards[0].parent]
    done = CliRunner().invoke(cli.app, ["export-masks", *map(str, arguments)])
    assert done.exit_code == 0
    for file in masks.exported.rglob("*.*"):
        assert (
            tmp_path / "again" / file.relative_to(masks.exported)
        ).read_bytes() == file.read_bytes()
    (tmp_path / "masks").mkdir()
    for i, policy in enumerate(("seldom", "often")):
        text = (masks.folder / f"shard-{i}.json").read_text().replace("seldom", policy)
        (tmp_path / "masks" / f"shard-{i}.json").write_text(text)
    with pytest.raises(
        ArtefactError, match=r"shard-0\.json and .*shard-1\.json are not of the same"
    ):
        export_masks(masks.shards, tmp_path / "masks", masks.tokenizer, tmp_path / "other")
