"""Pre-training reads the masks of each epoch in turn and leaves a checkpoint with a manifest."""

import json
from itertools import islice

import pytest
import torch

from maskpolicy.artefacts import ArtefactError
from maskpolicy.config import Objective, Pretraining
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.models.seq2seq import load_model
from maskpolicy.policies import specs
from maskpolicy.policies.masking import decision_file, mask_shard
from maskpolicy.training.pretrain import MaskedBatches, pretrain

EPOCHS = 3
OBJECTIVE = Objective(source="token", target="full")


@pytest.fixture
def masks(materials):
    """Decisions of `rand` for every epoch and shard."""
    folder = materials.folder / "masks"
    files = [[decision_file(folder, e, shard) for shard in materials.shards] for e in range(EPOCHS)]
    for i, shard in enumerate(materials.shards):
        outputs = [epoch[i] for epoch in files]
        manifest = folder / f"shard-{i}.json"
        spec = specs.RandomTokens(kind="rand", rate=0.3)
        mask_shard(shard, None, None, "rand", spec, 0, range(EPOCHS), outputs, manifest)
    return files


def test_a_pass_reads_every_row_under_the_masks_of_its_epoch(materials, masks):
    tokenizer = load_tokenizer(materials.tokenizer)
    batches = MaskedBatches(materials.shards, masks, OBJECTIVE, tokenizer, 64, 8, seed=0)
    per_pass = -(-len(batches.tokens) // 8)
    stream = list(islice(batches, per_pass * (EPOCHS + 1)))
    passes = [stream[i * per_pass : (i + 1) * per_pass] for i in range(EPOCHS + 1)]

    def rows(batches, side):
        return sorted(
            tuple(t for t in row if t != tokenizer.pad)
            for batch in batches
            for row in getattr(batch, side).tolist()
        )

    assert rows(passes[0], "target") == rows(passes[1], "target")  # the same text
    assert rows(passes[0], "source") != rows(passes[1], "source")  # under other masks
    assert rows(passes[0], "source") == rows(passes[EPOCHS], "source")  # that start over


def test_masks_of_another_corpus_are_refused(materials, masks):
    tokenizer = load_tokenizer(materials.tokenizer)
    swapped = [[second, first] for first, second in masks]
    batches = MaskedBatches(materials.shards, swapped, OBJECTIVE, tokenizer, 64, 8, seed=0)
    with pytest.raises(ArtefactError, match="does not belong"):
        next(iter(batches))


def test_the_checkpoint_is_trained_and_repeats_exactly(materials, masks):
    stage = Pretraining(
        corpus="c", mask_epochs=EPOCHS, steps=25, batch_size=8, learning_rate=0.01, warmup=0.1
    )
    outputs = [materials.folder / "one", materials.folder / "two"]
    for output in outputs:
        pretrain(
            materials.checkpoint,
            materials.tokenizer,
            materials.shards,
            masks,
            OBJECTIVE,
            stage,
            0,
            "t",
            output,
        )
    manifests = [json.loads((output / "manifest.json").read_text()) for output in outputs]
    assert manifests[0] == manifests[1]
    assert manifests[0]["steps"] == 25
    assert manifests[0]["losses"][-1] < 0.8 * manifests[0]["losses"][0]
    before, after = load_model(materials.checkpoint), load_model(outputs[0])
    assert not torch.equal(before.model.shared.weight, after.model.shared.weight)
