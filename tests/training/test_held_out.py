"""Held-out losses: of every checkpoint under the same masks, whatever it was trained with."""

import shutil

import numpy as np
import pytest
import torch
from support.training import decide, pretraining_corpus
from transformers import AutoModelForMaskedLM, AutoModelForSeq2SeqLM

from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.corruption.objective import Objective
from maskpolicy.errors import InputError
from maskpolicy.evaluation.held_out import HeldOutLosses
from maskpolicy.models.checkpoints import save_model
from maskpolicy.models.initialise import initialise_model
from maskpolicy.models.labels import IGNORED
from maskpolicy.models.specs import EncoderArchitecture, EncoderModel
from maskpolicy.training import masked_data
from maskpolicy.training.held_out import measure_held_out
from maskpolicy.training.masked_data import Renderer
from maskpolicy.training.specs import HELD_OUT, HELD_OUT_MASKS, HeldOut


@pytest.fixture
def measure(materials):
    """Measures a checkpoint on the materials' corpus; returns the losses."""
    masks = decide(materials, HELD_OUT, HELD_OUT_MASKS, 1)

    def measure(checkpoint, objective, stops=()):
        corpus = pretraining_corpus(materials, masks, objective)
        output = materials.folder / "losses.json"
        measure_held_out(
            checkpoint,
            corpus,
            steps=9,
            stops=stops,
            arm="ssm",
            pretraining_seed=3,
            output=output,
        )
        return HeldOutLosses.read(output), Renderer(corpus, 64)

    return measure


def nats(renderer, of_row):
    """The sum over all rows of what a model says of each, alone and without padding."""
    epoch, total, tokens = renderer.epoch(0), 0.0, 0
    for row in np.flatnonzero(epoch.kept):
        one = renderer.render(np.array([row]), epoch)
        source, target = torch.from_numpy(one.source), torch.from_numpy(one.target)
        wanted = int((target != IGNORED).sum())
        total, tokens = total + of_row(source, target) * wanted, tokens + wanted
    return total / tokens, tokens


def test_the_loss_is_transformers_own_over_each_row(measure, materials):
    found, renderer = measure(materials.checkpoint, Objective())
    model = AutoModelForSeq2SeqLM.from_pretrained(materials.checkpoint).eval()

    def of_row(source, target):
        before = torch.cat([torch.tensor([[model.config.decoder_start_token_id]]), target], 1)
        with torch.no_grad():
            logits = model(input_ids=source, decoder_input_ids=before[:, :-1]).logits
        return torch.nn.functional.cross_entropy(logits[0], target[0]).item()

    expected, tokens = nats(renderer, of_row)
    assert found.losses == {9: pytest.approx(expected, rel=1e-5)}
    assert (found.arm, found.pretraining_seed, found.tokens) == ("ssm", 3, tokens)
    assert found.rows == len(renderer.tokens), "15 % of any row is a token at least"


def test_an_encoder_is_measured_in_place(measure, materials):
    sizes = {"hidden_size": 16, "layers": 1, "attention_heads": 2, "ffn_dim": 32}
    architecture = EncoderArchitecture(family="bert", max_positions=64, dropout=0.5, **sizes)
    bert = EncoderModel(family="encoder", tokenizer="t", architecture=architecture)
    initialise_model(bert, materials.tokenizer, 0, materials.folder / "bert")
    found, renderer = measure(
        materials.folder / "bert", HeldOut(corpus="c").objective_of("encoder")
    )
    model = AutoModelForMaskedLM.from_pretrained(materials.folder / "bert").eval()

    def of_row(source, target):
        with torch.no_grad():
            return model(input_ids=source, labels=target).loss.item()

    expected, tokens = nats(renderer, of_row)
    assert found.losses == {9: pytest.approx(expected, rel=1e-5)}
    assert found.tokens == tokens
    with pytest.raises(InputError, match="bert: an encoder predicts in place"):
        measure(materials.folder / "bert", Objective())


def test_checkpoints_on_the_way_are_measured_too(measure, materials, make_tiny_bart, monkeypatch):
    """Each under the same masks, which are read once: only the weights differ."""
    read, load = [], masked_data.load_decisions
    monkeypatch.setattr(
        masked_data, "load_decisions", lambda *files: read.append(files) or load(*files)
    )
    kept = materials.folder / "kept"
    shutil.copytree(materials.checkpoint, kept)
    tokenizer = load_tokenizer(materials.tokenizer)
    other = make_tiny_bart(vocab_size=tokenizer.vocabulary_size, init_std=0.5)
    save_model(other, tokenizer, kept / "step-4")
    shutil.copytree(materials.checkpoint, kept / "step-6")
    found, _ = measure(kept, Objective(), stops=(4, 6))
    assert len(read) == 1
    assert list(found.losses) == [4, 6, 9]
    assert found.losses[6] == found.losses[9] != found.losses[4]
