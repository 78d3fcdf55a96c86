"""fairseq as a trainer: the same model, the same loss, the same training, but for roundings."""

import argparse
import json
import os
import subprocess
import sys

import pytest
import torch

from maskpolicy.corruption.objective import Objective
from maskpolicy.decisions.files import decision_file
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.models.batches import Batch
from maskpolicy.models.fairseq_bart import (
    fairseq_arguments,
    import_bart,
    load_fairseq_weights,
    read_fairseq,
    to_fairseq,
)
from maskpolicy.models.losses import sequence_loss
from maskpolicy.models.seq2seq import load_model
from maskpolicy.policies import specs
from maskpolicy.policies.masking import ShardMasks, mask_shard
from maskpolicy.training.masked_data import MaskedCorpus
from maskpolicy.training.pretrain import pretrain
from maskpolicy.training.specs import Pretraining
from maskpolicy.training.state import Saving
from maskpolicy.training.trainers.base import PretrainingJob, stop_folder
from maskpolicy.training.trainers.fairseq import pretrain_with_fairseq
from maskpolicy.training.trainers.native import pretrain_natively

VOCABULARY = 40
STEPS = 20


@pytest.fixture
def batch():
    """Padded sources and targets."""
    source = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 4, 2, 1]])
    target = torch.tensor([[0, 9, 10, 2], [0, 11, 2, 1]])
    return Batch(source, target)


def fairseq_bart(config):
    """fairseq's BART of the same sizes, its weights its own."""
    from fairseq.data import Dictionary
    from fairseq.models.bart.model import BARTModel, bart_base_architecture

    words = Dictionary()
    for number in range(config.vocab_size - len(words)):
        words.add_symbol(f"word-{number}")
    arguments = argparse.Namespace(task="denoising", **fairseq_arguments(config))
    bart_base_architecture(arguments)
    task = argparse.Namespace(source_dictionary=words, target_dictionary=words)
    return BARTModel.build_model(arguments, task).eval(), arguments


def fairseq_loss(model, batch, label_smoothing):
    """By fairseq's own criterion, in nats a token."""
    from fairseq.criterions.label_smoothed_cross_entropy import label_smoothed_nll_loss

    read = batch.target.roll(1, dims=1)
    read[:, 0] = 2
    output = model(batch.source, (batch.source != 1).sum(1), read)
    own = label_smoothing * (VOCABULARY - 1) / VOCABULARY
    log_probabilities = model.get_normalized_probs(output, log_probs=True)
    loss, _ = label_smoothed_nll_loss(
        log_probabilities.flatten(0, 1), batch.target.flatten(), own, ignore_index=1
    )
    return loss.item() / int((batch.target != 1).sum())


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_the_same_weights_and_batch_have_the_same_loss(make_tiny_bart, batch, label_smoothing):
    ours = make_tiny_bart(VOCABULARY, encoder_layers=2).eval()
    theirs, _ = fairseq_bart(ours.config)
    with torch.no_grad():
        wanted = sequence_loss(ours, batch, label_smoothing).item()
        assert abs(fairseq_loss(theirs, batch, label_smoothing) - wanted) > 0.01
        theirs.load_state_dict(to_fairseq(ours, "ours"), strict=True)
        assert fairseq_loss(theirs, batch, label_smoothing) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_weights_come_back(make_tiny_bart, batch, label_smoothing):
    ours = make_tiny_bart(VOCABULARY, encoder_layers=2).eval()
    theirs, _ = fairseq_bart(ours.config)
    load_fairseq_weights(ours, theirs.state_dict(), "theirs")
    with torch.no_grad():
        wanted = fairseq_loss(theirs, batch, label_smoothing)
        assert sequence_loss(ours, batch, label_smoothing).item() == pytest.approx(wanted, abs=1e-5)


def test_weights_that_do_not_fit_are_named(make_tiny_bart):
    ours = make_tiny_bart(VOCABULARY)
    weights = to_fairseq(ours, "ours")
    without = {name: value for name, value in weights.items() if name != "encoder.layers.0.fc1.bias"}
    with pytest.raises(ArtefactError, match=r"lacks 1 weights, as model\.encoder\.layers\.0\.fc1"):
        load_fairseq_weights(ours, without, "theirs")
    untied = weights | {"decoder.embed_tokens.weight": torch.zeros(VOCABULARY, 16)}
    with pytest.raises(ArtefactError, match=r"theirs: decoder\.embed_tokens\.weight is not the"):
        load_fairseq_weights(ours, untied, "theirs")
    with pytest.raises(ArtefactError, match=r"theirs: model\.encoder\.layers\.0\.fc1\.bias is \[7\]"):
        load_fairseq_weights(ours, weights | {"encoder.layers.0.fc1.bias": torch.zeros(7)}, "theirs")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"scale_embedding": True}, "`scale_embedding` is set"),
        ({"pad_token_id": 0}, "`pad_token_id` is not 1"),
        ({"activation_function": "gelu_new"}, "`activation_function` is none of"),
    ],
)
def test_models_that_fairseq_does_not_have_are_refused(make_tiny_bart, settings, problem):
    with pytest.raises(InputError, match=problem):
        to_fairseq(make_tiny_bart(VOCABULARY, **settings), "ours")


@pytest.fixture
def published(materials, tmp_path):
    """A file like the published `bart.base/model.pt`: filler words, then `<mask>`, old names."""
    ours = load_model(materials.checkpoint)
    weights = to_fairseq(ours, "ours")
    filler = torch.full((8, ours.config.d_model), 9.0)
    last = ours.config.vocab_size - 1
    for name in [name for name in weights if name.endswith(("embed_tokens.weight", "_projection.weight"))]:
        rows = weights[name]
        weights[name] = torch.cat([rows[:last], filler, rows[last:]])
    projections = [f"encoder.layers.0.self_attn.{letter}_proj" for letter in "qkv"]
    for kind in ("weight", "bias"):
        joint = torch.cat([weights.pop(f"{name}.{kind}") for name in projections])
        weights[f"encoder.layers.0.self_attn.in_proj_{kind}"] = joint
    _, arguments = fairseq_bart(ours.config)
    path = tmp_path / "model.pt"
    state = {"args": arguments, "model": weights, "optimizer_history": [{"num_updates": 7}]}
    torch.save(state, path)
    return path, state


def test_a_published_file_is_imported(published, materials, tmp_path):
    path, _ = published
    # The tokenizer's `<mask>` is not its last token, so the rows can't be told apart.
    with pytest.raises(ArtefactError, match="whose mask is not the last"):
        import_bart(path, str(materials.tokenizer), tmp_path / "imported")


class _Harmful:
    """Its reading would run a command."""

    def __reduce__(self):
        return os.system, ("touch harm",)


def test_nothing_in_a_file_is_run(published, tmp_path, monkeypatch):
    path, state = published
    monkeypatch.chdir(tmp_path)
    torch.save(state | {"extra": _Harmful()}, path)
    with pytest.raises(ArtefactError, match="holds more than weights and arguments"):
        read_fairseq(path)
    assert not (tmp_path / "harm").exists()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArtefactError, match=r"model\.pt is damaged"):
        read_fairseq(path)
    torch.save({"model": {}}, path)
    with pytest.raises(ArtefactError, match="is no checkpoint of a BART in fairseq"):
        read_fairseq(path)


@pytest.fixture
def make_job(materials):
    """Makes the job of a stage; a pass has forty rows, so training goes through several."""

    def make(**settings):
        folder = materials.folder / "rand"
        masks = [[decision_file(folder, e, shard) for shard in materials.shards] for e in range(2)]
        for i, shard in enumerate(materials.shards):
            done = folder / f"shard-{i}.json"
            if not done.exists():
                policy = specs.RandomTokens(kind="rand", rate=0.3)
                mask_shard(ShardMasks(shard, "corpus", "rand", 0, range(2), done), policy)
        objective = Objective(source="token", target="full", random=0.2)
        corpus = MaskedCorpus(materials.shards, masks, objective, materials.tokenizer, seed=0)
        stage = Pretraining(
            corpus="corpus",
            steps=STEPS,
            batch_size=6,
            learning_rate=0.01,
            mask_epochs=2,
            warmup=3,
            clip_norm=0.5,
            label_smoothing=0.1,
            **settings,
        )
        return PretrainingJob(materials.checkpoint, corpus, 1, stage, 0, "t")

    return make


def test_both_trainers_have_the_same_losses(make_job, tmp_path):
    native = pretrain_natively(make_job(), Saving(tmp_path / "state", "native"))
    theirs = pretrain_with_fairseq(make_job(), Saving(tmp_path / "state", "theirs"))
    assert len(native.history.losses) == STEPS
    assert native.history.losses[-1] < 0.8 * native.history.losses[0]
    assert theirs.history.losses == pytest.approx(native.history.losses, abs=2e-3)
    assert theirs.history.tokens == native.history.tokens
    for name, weight in native.model.state_dict().items():
        assert torch.allclose(theirs.model.state_dict()[name], weight, atol=1e-2), name
