"""The span network: the paper's size, torch's own Bi-LSTM, no trace of padding."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from maskpolicy.errors import ArtefactError
from maskpolicy.policies.supervised.network import LAYERS, SpanNetwork, longest_text, network_on


@pytest.fixture
def network():
    torch.manual_seed(0)
    return SpanNetwork(50, 16).eval()


@pytest.fixture
def checkpoint(make_tiny_bart, tmp_path):
    make_tiny_bart(vocab_size=320).save_pretrained(tmp_path)
    return tmp_path


def test_it_has_the_papers_size_on_bart_base():
    """Ye et al. 2021, section 4.2: 43M parameters of which 39M are the word embeddings."""
    with torch.device("meta"):
        network = SpanNetwork(50265, 768)
    sizes = [parameter.numel() for parameter in network.parameters()]
    assert round(network.embeddings.weight.numel() / 1e6) == 39
    assert round(sum(sizes) / 1e6) == 43


def test_it_is_torchs_bidirectional_lstm(network):
    hidden = network.heads.in_features // 2
    reference = nn.LSTM(16, hidden, LAYERS, bidirectional=True, batch_first=True)
    own = {}
    for i, layer in enumerate(network.layers):
        for suffix, lstm in (("", layer.forwards), ("_reverse", layer.backwards)):
            for name, value in lstm.state_dict().items():
                own[f"{name.removesuffix('_l0')}_l{i}{suffix}"] = value
    reference.load_state_dict(own)
    ids, lengths = torch.randint(0, 50, (3, 9)), torch.tensor([9, 4, 1])
    packed = nn.utils.rnn.pack_padded_sequence(
        network.embeddings(ids), lengths, batch_first=True, enforce_sorted=False
    )
    expected, _ = nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)
    logits = network(ids, lengths)
    for row, length in enumerate(lengths):
        assert torch.allclose(
            logits[row, :length], network.heads(expected[row, :length]), atol=1e-6
        )


def test_padding_does_not_reach_the_tokens(network):
    ids, lengths = torch.randint(0, 50, (2, 12)), torch.tensor([5, 7])
    other = ids.clone()
    other[0, 5:], other[1, 7:] = 3, 4
    logits, others = network(ids, lengths), network(other, lengths)
    assert torch.equal(logits[0, :5], others[0, :5])
    assert torch.equal(logits[1, :7], others[1, :7])


def test_it_starts_from_the_models_embeddings(checkpoint, make_tiny_bart):
    network, other = network_on(checkpoint, seed=1), network_on(checkpoint, seed=2)
    expected = make_tiny_bart(vocab_size=320).get_input_embeddings().weight
    assert torch.equal(network.embeddings.weight, expected)
    assert not torch.equal(network.heads.weight, other.heads.weight)
    assert longest_text(checkpoint) == 62


def test_files_that_are_no_checkpoint_are_named(checkpoint):
    save_file({"x": torch.ones(1)}, checkpoint / "model.safetensors")
    with pytest.raises(ArtefactError, match=r"model\.shared\.weight"):
        network_on(checkpoint, seed=0)
    (checkpoint / "config.json").write_text("{}")
    with pytest.raises(ArtefactError, match="no BART"):
        longest_text(checkpoint)
