"""Sizes of models before they are loaded."""

import json

import pytest

from maskpolicy.forecast.models import KNOWN, size_of_model, size_of_pretrained
from maskpolicy.models.specs import (
    BartArchitecture,
    EncoderArchitecture,
    EncoderModel,
    Seq2SeqModel,
)

PUBLISHED = {
    "facebook/bart-base": 139e6,
    "facebook/bart-large": 406e6,
    "google-t5/t5-small": 60.5e6,
    "google-t5/t5-base": 223e6,
    "google/pegasus-large": 568e6,
    "google-bert/bert-base-uncased": 110e6,
    "google-bert/bert-base-cased": 109e6,
    "google-bert/bert-large-uncased": 336e6,
    "FacebookAI/roberta-base": 125e6,
    "FacebookAI/roberta-large": 355e6,
    "distilbert/distilbert-base-uncased": 67e6,
    "answerdotai/ModernBERT-base": 149e6,
}


@pytest.fixture(autouse=True)
def _nothing_downloaded(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    size_of_pretrained.cache_clear()
    yield
    size_of_pretrained.cache_clear()


@pytest.mark.parametrize("name", KNOWN)
def test_known_models_have_the_weights_that_their_authors_say(name):
    size = size_of_pretrained(name)
    assert size and size.weights == pytest.approx(PUBLISHED[name], rel=0.05)


def test_a_known_model_is_known_without_its_owner():
    assert size_of_pretrained("roberta-base") == KNOWN["FacebookAI/roberta-base"]


def test_an_architecture_says_all_but_the_vocabulary():
    sizes = BartArchitecture(
        d_model=768, encoder_layers=6, decoder_layers=6, attention_heads=12, ffn_dim=3072
    )
    model = Seq2SeqModel(tokenizer="bart", architecture=sizes)
    assert size_of_model(model, 50265) == (KNOWN["facebook/bart-base"], None)
    bert = EncoderModel(family="encoder", tokenizer="bert", architecture=EncoderArchitecture())
    assert size_of_model(bert, 30522) == (KNOWN["google-bert/bert-base-uncased"], None)


BART = {
    "is_encoder_decoder": True,
    "d_model": 768,
    "encoder_layers": 6,
    "decoder_layers": 6,
    "encoder_ffn_dim": 3072,
    "vocab_size": 50265,
}
ROBERTA = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "intermediate_size": 3072,
    "vocab_size": 50265,
}


@pytest.mark.parametrize(
    ("config", "like"), [(BART, "facebook/bart-base"), (ROBERTA, "FacebookAI/roberta-base")]
)
def test_a_config_says_the_size_of_a_folder_and_of_what_was_downloaded(config, like, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    assert size_of_pretrained(str(folder)) == KNOWN[like]
    downloaded = tmp_path / "hub" / "models--somebody--something" / "snapshots" / "abc"
    downloaded.mkdir(parents=True)
    (downloaded / "config.json").write_text(json.dumps(config))
    assert size_of_pretrained("somebody/something") == KNOWN[like]


def test_of_what_nothing_is_known_the_usual_size_is_assumed_and_said(tmp_path):
    folders = [tmp_path / "broken", tmp_path / "listed"]
    for folder, written in zip(folders, ("{", "[1]"), strict=True):
        folder.mkdir()
        (folder / "config.json").write_text(written)
    for name in ("somebody/something", *map(str, folders)):
        model = EncoderModel(family="encoder", tokenizer="t", pretrained=name)
        size, assumed = size_of_model(model, 1000)
        assert size == KNOWN["FacebookAI/roberta-base"]
        assert assumed and name in assumed
