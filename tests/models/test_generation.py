"""Decoding: deterministic, in the order of the sources, bounded, the same in any batch."""

import json

import pytest
import torch
from transformers import BartForConditionalGeneration

from maskpolicy.models.generation import decoding, generate
from maskpolicy.models.seq2seq import load_model
from maskpolicy.models.specs import Generation


class Letters:
    """A tokenizer whose ids 5… are letters."""

    bos, pad, eos, ends = 0, 1, 2, 2

    def decode(self, ids):
        return "".join(chr(ord("a") + i - 5) for i in ids if i > 4)


SOURCES = [[0, 5 + i, *range(6, 6 + i), 2] for i in range(7)]


@pytest.fixture
def model(make_tiny_bart):
    """A model whose predictions depend on the source; with small or tied weights they do not."""
    return make_tiny_bart(init_std=1.0, tie_word_embeddings=False).eval()


@pytest.mark.parametrize("beams", [1, 3])
def test_batches_do_not_change_predictions(model, beams):
    one_by_one = Generation(beams=beams, max_length=6, batch_size=1)
    together = Generation(beams=beams, max_length=6, batch_size=4)
    predictions = generate(model, Letters(), SOURCES, one_by_one)
    assert predictions == generate(model, Letters(), SOURCES, together)
    assert len(predictions) == len(SOURCES) and len(set(predictions)) > 4


def test_beams_find_other_predictions(model):
    greedy, beams = (
        generate(model, Letters(), SOURCES, Generation(beams=n, max_length=6)) for n in (1, 3)
    )
    assert greedy != beams


def test_the_length_is_bounded(model):
    for length in (2, 9):
        predictions = generate(model, Letters(), SOURCES, Generation(max_length=length))
        assert max(map(len, predictions)) == length


@pytest.mark.parametrize("beams", [1, 3])
def test_the_shortest_answer_is_bounded_too(make_tiny_bart, beams):
    """By a model that says nothing if it may, and else one letter."""
    model = make_tiny_bart().eval()
    with torch.no_grad():
        model.final_logits_bias[:, [2, 6]] = torch.tensor([1e4, 5e3])
    free, bounded = (
        generate(model, Letters(), SOURCES, Generation(beams=beams, min_length=n, max_length=6))
        for n in (0, 4)
    )
    assert set(free) == {""} and set(bounded) == {"bbbb"}
    config = decoding(model, Letters(), Generation(min_length=4, max_length=6))
    assert (config.min_new_tokens, config.max_new_tokens) == (5, 8)


def test_no_n_gram_is_repeated_where_that_is_asked_for(model):
    class Ids(Letters):
        def decode(self, ids):
            return "".join(chr(ord("a") + i) for i in ids).rstrip("b")  # of padding

    def repeated(text, n=2):
        grams = [text[i : i + n] for i in range(len(text) - n + 1)]
        return len(grams) > len(set(grams))

    free, forbidden = (
        generate(model, Ids(), SOURCES, Generation(max_length=30, no_repeat_ngrams=n))
        for n in (None, 2)
    )
    assert any(map(repeated, free)) and not any(map(repeated, forbidden))


def test_early_stopping_is_passed_on(model):
    stopping = Generation(beams=2, early_stopping=True)
    assert decoding(model, Letters(), stopping).early_stopping is True
    assert decoding(model, Letters(), stopping.greedy).early_stopping is False


def test_predictions_keep_the_order_of_their_sources(model):
    settings = Generation(max_length=6, batch_size=2)
    forward = generate(model, Letters(), SOURCES, settings)
    assert generate(model, Letters(), SOURCES[::-1], settings) == forward[::-1]
    assert forward != forward[::-1]


def forms_of(model, folder):
    """The same weights: as they are, with decoding settings of a hub's checkpoint beside them, and
    with those that older versions of transformers wrote into config.json.
    """
    leaking = {
        **{"no_repeat_ngram_size": 2, "forced_bos_token_id": 9, "min_length": 5, "num_beams": 4},
        **{"early_stopping": True, "length_penalty": 2.0, "repetition_penalty": 1.9},
        **{"bad_words_ids": [[7]], "suppress_tokens": [8], "do_sample": True, "temperature": 0.3},
        **{"forced_eos_token_id": 11, "max_length": 7, "use_cache": False},
    }
    for name, file in (("plain", None), ("new", "generation_config.json"), ("old", "config.json")):
        model.save_pretrained(folder / name)
        if file is not None:
            settings = json.loads((folder / name / file).read_text())
            (folder / name / file).write_text(json.dumps(settings | leaking))
        if name == "old":
            (folder / name / "generation_config.json").unlink()
        yield folder / name


@pytest.mark.parametrize("beams", [1, 3])
def test_no_setting_of_decoding_leaks_from_a_checkpoint(model, tmp_path, beams):
    settings = Generation(beams=beams, max_length=6)
    predictions, kept = [], []
    for folder in forms_of(model, tmp_path):
        loaded = load_model(folder)
        loaded.save_pretrained(tmp_path / "saved")
        for again in (loaded, load_model(tmp_path / "saved")):
            predictions.append(generate(again, Letters(), SOURCES, settings))
        kept.append((tmp_path / "saved" / "generation_config.json").read_text())
    assert all(other == predictions[0] for other in predictions) and len(set(kept)) == 1
    ids = {"pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"}
    assert {name for name in json.loads(kept[0]) if name.endswith("_id")} == ids
    assert "no_repeat_ngram_size" not in kept[0] and "min_length" not in kept[0]


def test_a_model_is_saved_with_the_settings_that_it_was_decoded_with(model, tmp_path):
    """So that who loads it sees the same predictions."""
    settings = Generation(beams=3, max_length=4, batch_size=1)
    expected = generate(model, Letters(), SOURCES[:1], settings)
    model.save_pretrained(tmp_path)
    theirs = BartForConditionalGeneration.from_pretrained(tmp_path).eval()
    ids = theirs.generate(torch.tensor(SOURCES[:1]))
    assert [Letters().decode(ids[0].tolist())] == expected


def test_what_decides_a_prediction_is_in_its_signature():
    signatures = {
        Generation(**changed).signature
        for changed in (
            *({}, {"beams": 2}, {"min_length": 1}, {"max_length": 5}, {"length_penalty": 0.5}),
            *({"no_repeat_ngrams": 3}, {"beams": 2, "early_stopping": True}),
        )
    }
    assert len(signatures) == 7
    assert Generation(batch_size=7).signature == Generation().signature
    assert Generation().signature == (
        "beams:1|length:0-20|length_penalty:1.0|early_stopping:no|sampling:no"
    )
    everything = Generation(
        beams=4, min_length=1, length_penalty=2.0, no_repeat_ngrams=3, early_stopping=True
    )
    assert everything.greedy.signature == (
        "beams:1|length:1-20|length_penalty:1.0|early_stopping:no|no_repeat_ngrams:3|sampling:no"
    )
