"""What was loaded is checked: all weights of the right family, in single precision, and a tokenizer
that is the model's own.
"""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForMaskedLM,
    AutoTokenizer,
    BartForSequenceClassification,
    BertConfig,
    BertForPreTraining,
    GPT2Config,
    GPT2LMHeadModel,
    MBartConfig,
    MBartForConditionalGeneration,
)

from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.errors import ArtefactError
from maskpolicy.models.encoder import load_masked_lm, load_sequence_classifier
from maskpolicy.models.initialise import initialise_model, refuse_other_tokenizer
from maskpolicy.models.seq2seq import load_model
from maskpolicy.models.specs import EncoderModel, Seq2SeqModel

IDS = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "decoder_start_token_id": 3}
"""Those of the tests' WordPiece tokenizer."""


@pytest.fixture
def bart(make_tiny_bart, wordpiece, tmp_path):
    make_tiny_bart(vocab_size=wordpiece.vocabulary_size, **IDS).save_pretrained(tmp_path / "bart")
    return tmp_path / "bart"


@pytest.fixture
def bert(make_tiny_bert, wordpiece, tmp_path):
    sizes = {"num_hidden_layers": 1, "max_position_embeddings": 24}
    make_tiny_bert(wordpiece.vocabulary_size, **sizes).save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


def change(folder, weights=lambda all_of_them: all_of_them, **config):
    """Replace the weights, and some of the configuration."""
    file = folder / "model.safetensors"
    save_file(weights(load_file(file)), file, metadata={"format": "pt"})
    written = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(written | config))


def initialise(model, folder, wordpiece_folder):
    initialise_model(model, wordpiece_folder, 0, folder.parent / "initial")
    return json.loads((folder.parent / "initial" / "manifest.json").read_text())


def test_a_model_of_another_family_is_refused(bart, bert, tmp_path):
    with pytest.raises(ArtefactError, match="bert is a bert model, which is no encoder-decoder"):
        load_model(bert)
    config = GPT2Config(vocab_size=30, n_embd=16, n_layer=1, n_head=2, n_positions=24)
    GPT2LMHeadModel(config).save_pretrained(tmp_path / "gpt")
    with pytest.raises(ArtefactError, match="gpt is a gpt2 model, which is no encoder-decoder"):
        load_model(tmp_path / "gpt")
    with pytest.raises(ArtefactError, match="bart is a bart model, which is no masked LM"):
        load_masked_lm(bart)


def test_weights_under_other_names_are_refused(bart, bert):
    """As of a model that was wrapped for training on several GPUs."""
    for folder, load in ((bart, load_model), (bert, load_masked_lm)):
        change(folder, lambda some: {f"module.{name}": weight for name, weight in some.items()})
        with pytest.raises(ArtefactError) as caught:
            load(folder)
        message = str(caught.value)
        assert f"{folder} is not whole: its model lacks " in message and "\n" not in message


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("model.decoder.layers.0.fc1.bias", "lacks 1 weights, as model.decoder.layers.0.fc1.bias"),
        ("bert.encoder.layer.0.output.dense.bias", "lacks 1 weights, as bert.encoder.layer.0"),
        ("cls.predictions.transform.dense.bias", "lacks 1 weights, as cls.predictions.transform"),
    ],
)
def test_a_weight_that_is_missing_is_named(bart, bert, lost, message):
    folder, load = (bart, load_model) if lost.startswith("model") else (bert, load_masked_lm)
    change(folder, lambda some: {name: some[name] for name in some if name != lost})
    with pytest.raises(ArtefactError, match=f"is not whole: its model {message}"):
        load(folder)


def test_a_weight_without_a_place_is_named(bert, tmp_path):
    """mBART's last layer norms, where its configuration calls it a BART; a layer too many."""
    config = MBartConfig(
        **{"vocab_size": 30, "d_model": 16, "max_position_embeddings": 24},
        **{"encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8},
        **{"encoder_attention_heads": 2, "decoder_attention_heads": 2},
    )
    MBartForConditionalGeneration(config).save_pretrained(tmp_path / "mbart")
    names = {name for name, _ in load_model(tmp_path / "mbart").named_parameters()}
    assert "model.decoder.layer_norm.weight" in names
    change(tmp_path / "mbart", model_type="bart")
    with pytest.raises(
        ArtefactError, match=r"no place for 4 weights, as model\.decoder\.layer_norm"
    ):
        load_model(tmp_path / "mbart")
    change(bert, lambda some: some | {"bert.encoder.layer.7.x": torch.ones(2)})
    with pytest.raises(ArtefactError, match=r"no place for 1 weights, as bert\.encoder\.layer\.7"):
        load_masked_lm(bert)


def test_a_weight_of_another_shape_is_named_with_both(bart, bert):
    change(bert, intermediate_size=40)
    with pytest.raises(
        ArtefactError,
        match=r"bert does not fit: 3 weights have another shape than its model's:"
        r" bert\.encoder\.layer\.0\.intermediate\.dense\.bias is 32, not 40,"
        r" bert\S+\.weight is 32 x 16, not 40 x 16, bert\S+\.output\.dense\.weight is",
    ) as caught:
        load_masked_lm(bert)
    assert "\n" not in str(caught.value)
    change(bart, max_position_embeddings=99)
    with pytest.raises(ArtefactError, match=r"2 weights have .*embed_positions\.weight is "):
        load_model(bart)


def test_buffers_of_older_versions_are_no_weights(bart, bert, capsys):
    change(bert, lambda some: some | {"bert.embeddings.position_ids": torch.arange(24)[None]})
    change(bart, lambda some: some | {"model.encoder.version": torch.ones(1)})
    load_masked_lm(bert), load_model(bart)
    assert "left out" not in capsys.readouterr().err


def test_other_heads_are_left_out_and_said(bert, bart, make_tiny_bart, tmp_path, capsys):
    BertForPreTraining(BertConfig.from_pretrained(bert)).save_pretrained(tmp_path / "released")
    load_masked_lm(tmp_path / "released")
    assert "left out, as of other heads: cls.seq_relationship\n" in capsys.readouterr().err
    BartForSequenceClassification(make_tiny_bart(**IDS).config).save_pretrained(tmp_path / "mnli")
    load_model(tmp_path / "mnli")
    assert "left out, as of other heads: classification_head.dense," in capsys.readouterr().err


@pytest.mark.parametrize("stored", [torch.float16, torch.bfloat16])
def test_weights_are_in_single_precision_however_they_were_stored(bart, bert, stored):
    for folder, load in (
        (bart, load_model),
        (bert, load_masked_lm),
        (bert, lambda folder: load_sequence_classifier(folder, 2)),
    ):
        change(
            folder,
            lambda some: {name: weight.to(stored) for name, weight in some.items()},
            dtype=str(stored).removeprefix("torch."),
        )
        assert {weight.dtype for weight in load(folder).parameters()} == {torch.float32}


def test_how_somebody_used_a_model_does_not_change_its_training(bart, bert):
    """An encoder that was used as a decoder saw only what is left of a token."""
    used = {"is_decoder": True, "add_cross_attention": False, "return_dict": False}
    used |= {"output_hidden_states": True}
    ids = torch.tensor([[2, 6, 7, 8, 3]])
    plain = load_masked_lm(bert).eval()(input_ids=ids).logits
    change(bert, **used)
    assert torch.equal(load_masked_lm(bert).eval()(input_ids=ids).logits, plain)
    change(bart, return_dict=False)
    assert load_model(bart)(input_ids=ids, decoder_input_ids=ids).logits.shape[:2] == (1, 5)


def test_the_dropout_of_a_pretrained_model_is_said(bart, wordpiece_folder, capsys):
    change(bart, attention_dropout=0.1, encoder_layerdrop=0.05)
    model = Seq2SeqModel(tokenizer="t", pretrained=str(bart))
    manifest = initialise(model, bart, wordpiece_folder)
    assert manifest["dropout"]["encoder_layerdrop"] == 0.05
    assert "attention_dropout 0.1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pad_token_id": 1}, "has 1 as its `pad_token_id`, but its tokenizer 0"),
        ({"eos_token_id": 2}, "has 2 as its `eos_token_id`, but its tokenizer 3"),
        ({"vocab_size": 2000}, "knows 2000 tokens, but its tokenizer only"),
        ({"vocab_size": 20}, "knows 20 tokens, but its tokenizer has"),
    ],
)
def test_the_tokenizer_of_another_model_is_refused(
    make_tiny_bart, wordpiece, wordpiece_folder, tmp_path, changed, message
):
    settings = {"vocab_size": wordpiece.vocabulary_size, **IDS, **changed}
    make_tiny_bart(**settings).save_pretrained(tmp_path / "other")
    model = Seq2SeqModel(tokenizer="t", pretrained=str(tmp_path / "other"))
    with pytest.raises(ArtefactError, match=message):
        initialise(model, tmp_path / "other", wordpiece_folder)


@pytest.mark.parametrize(
    ("tokens", "of_tokenizer", "belongs"),
    [
        *((250_112, 250_100, True), (251_000, 250_102, True), (128_100, 128_001, True)),  # mT5, …
        *((32_128, 32_100, True), (32_128, 32_000, True), (50_265, 50_264, True)),  # T5, BART
        *((50_368, 50_280, True), (64, 33, True), (384, 259, True), (30_522, 30_522, True)),
        *(
            (1_600, 600, False),
            (729, 600, False),
            (30_522, 28_996, False),
            (252_000, 250_100, False),
        ),
    ],
)
def test_a_vocabulary_may_be_padded(wordpiece, monkeypatch, tokens, of_tokenizer, belongs):
    monkeypatch.setattr(Tokenizer, "vocabulary_size", of_tokenizer)
    config = BertConfig(vocab_size=tokens, pad_token_id=wordpiece.pad)
    if belongs:
        return refuse_other_tokenizer(config, wordpiece, "own")
    with pytest.raises(ArtefactError, match=f"own knows {tokens} tokens, but its tokenizer only"):
        refuse_other_tokenizer(config, wordpiece, "own")


def test_a_checkpoint_is_complete(bert, wordpiece, wordpiece_folder):
    model = EncoderModel(family="encoder", tokenizer="t", pretrained=str(bert))
    manifest = initialise(model, bert, wordpiece_folder)
    assert {"tokenizer.json", "tokenizer_config.json"} < manifest["files"].keys()
    tokenizer = AutoTokenizer.from_pretrained(bert.parent / "initial")
    texts = ["the film is superb", "a dull plot and it"]
    assert tokenizer(texts)["input_ids"] == wordpiece.encode(texts, 99)
    assert (tokenizer.mask_token_id, tokenizer.pad_token_id) == (wordpiece.mask, wordpiece.pad)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id) == (wordpiece.bos, wordpiece.eos)
    inputs = tokenizer(["the film [MASK] superb"], return_tensors="pt")
    assert (
        AutoModelForMaskedLM.from_pretrained(bert.parent / "initial")(**inputs)
        .logits.isfinite()
        .all()
    )


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_pairs_are_joined_as_the_model_was_trained_to_read_them(
    family, make_encoder_folder, wordpiece_folder
):
    tokenizer = AutoTokenizer.from_pretrained(make_encoder_folder(family))
    ours = load_tokenizer(wordpiece_folder)
    separators = 1 if family == "bert" else 2
    first, second = (e.ids for e in ours.encode_rows(["the film", "a plot"]))
    joined = tokenizer("the film", "a plot")
    assert joined["input_ids"] == [2, *first, *[3] * separators, *second, 3]
    assert ("token_type_ids" in joined) == (family == "bert")
