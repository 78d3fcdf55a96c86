"""Models: what an architecture becomes, and that checkpoints are whole and anyone's to load."""

import pytest
import tokenizers
import torch
from transformers import BartForConditionalGeneration

from maskpolicy.corpora.tokenizer import Tokenizer, write_tokenizer
from maskpolicy.errors import ArtefactError
from maskpolicy.models.bart import create_bart
from maskpolicy.models.checkpoints import save_model
from maskpolicy.models.initialise import initialise_model
from maskpolicy.models.seq2seq import load_model
from maskpolicy.models.specs import BartArchitecture, Seq2SeqModel

ARCHITECTURE = BartArchitecture(
    d_model=16, encoder_layers=1, decoder_layers=2, attention_heads=2, ffn_dim=32, max_positions=64
)


@pytest.fixture
def tokenizer():
    words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *"abcdefgh"]
    model = tokenizers.models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<unk>")
    return Tokenizer(tokenizers.Tokenizer(model), bos=0, pad=1, eos=2, unk=3, mask=4)


def test_the_sizes_and_special_ids_are_those_asked_for(tokenizer):
    config = create_bart(ARCHITECTURE, tokenizer, seed=0).config
    assert (config.d_model, config.encoder_layers, config.decoder_layers) == (16, 1, 2)
    assert config.vocab_size == 13
    assert (config.bos_token_id, config.pad_token_id, config.eos_token_id) == (0, 1, 2)
    assert config.decoder_start_token_id == 2


def test_the_weights_are_a_function_of_the_seed(tokenizer):
    one, same, other = (create_bart(ARCHITECTURE, tokenizer, seed) for seed in (1, 1, 2))
    assert torch.equal(one.model.shared.weight, same.model.shared.weight)
    assert not torch.equal(one.model.shared.weight, other.model.shared.weight)


def test_a_checkpoint_is_a_transformers_checkpoint(tokenizer, tmp_path):
    model = create_bart(ARCHITECTURE, tokenizer, seed=0)
    save_model(model, tokenizer, tmp_path / "model")
    loaded = BartForConditionalGeneration.from_pretrained(tmp_path / "model")
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, loaded.state_dict()[name]), name
    assert not list(tmp_path.rglob("*.bin"))


def test_a_missing_or_damaged_checkpoint_is_named(tokenizer, tmp_path):
    with pytest.raises(ArtefactError, match="nowhere"):
        load_model(tmp_path / "nowhere")
    save_model(create_bart(ARCHITECTURE, tokenizer, seed=0), tokenizer, tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ArtefactError, match="model"):
        load_model(tmp_path / "model")


def test_a_pretrained_model_must_know_its_tokenizer(tokenizer, tmp_path, make_tiny_bart):
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    write_tokenizer(tokenizer, folder)
    save_model(make_tiny_bart(vocab_size=7), tokenizer, tmp_path / "small")

    def pretrained(name):
        return Seq2SeqModel(tokenizer="t", pretrained=str(tmp_path / name))

    with pytest.raises(ArtefactError, match="7 tokens"):
        initialise_model(pretrained("small"), folder, 0, tmp_path / "out")
    save_model(make_tiny_bart(vocab_size=20), tokenizer, tmp_path / "large")
    initialise_model(pretrained("large"), folder, 0, tmp_path / "out")
    assert load_model(tmp_path / "out").config.vocab_size == 20
    fresh = Seq2SeqModel(tokenizer="t", architecture=ARCHITECTURE)
    initialise_model(fresh, folder, 0, tmp_path / "fresh")
    assert load_model(tmp_path / "fresh").config.d_model == 16
