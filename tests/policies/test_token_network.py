"""Networks are read back as they were; a row has the same logits, whatever rows come with it."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from maskpolicy.errors import ArtefactError
from maskpolicy.policies.meta.network import MaskingNetwork
from maskpolicy.policies.supervised.network import SpanNetwork
from maskpolicy.policies.token_network import WEIGHTS, load_network, save_network, score_tokens


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SpanNetwork(200, 48).eval()


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(0)
    return [random.integers(0, 200, n) for n in random.integers(0, 90, size=150)]


def scored(network, rows, **options):
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    start, end = score_tokens(network, offsets, np.concatenate(rows), **options)
    both = np.stack([start, end], axis=1)
    return [both[a:b] for a, b in pairwise(offsets)]


def test_they_are_the_networks(network, rows):
    for row, logits in zip(rows[:20], scored(network, rows)[:20], strict=True):
        if len(row):
            expected = network(torch.from_numpy(row)[None], torch.tensor([len(row)]))[0]
            assert np.allclose(logits, expected.detach(), atol=1e-5)


@pytest.mark.parametrize("bf16", [False, True])
def test_other_rows_do_not_change_a_bit(network, rows, bf16):
    whole = scored(network, rows, bf16=bf16)
    some = np.random.default_rng(1).permutation(len(rows))[:61]
    for i, logits in zip(some, scored(network, [rows[i] for i in some], bf16=bf16), strict=True):
        assert np.array_equal(logits, whole[i])


def test_bfloat16_is_close(network, rows):
    exact, rough = (np.concatenate(scored(network, rows, bf16=b)) for b in (False, True))
    assert np.abs(exact - rough).max() < 0.02 * np.abs(exact).max()
    assert not np.array_equal(exact, rough)


def test_no_rows_have_no_logits(network):
    start, end = score_tokens(network, np.zeros(1, np.int32), np.zeros(0, np.uint16))
    assert len(start) == len(end) == 0


@pytest.mark.parametrize("network_class", [SpanNetwork, MaskingNetwork])
def test_they_are_read_back_as_they_were(network_class, tmp_path):
    torch.manual_seed(0)
    saved = network_class(50, 16).eval()
    save_network(saved, tmp_path)
    loaded = load_network(tmp_path, network_class)
    ids, lengths = torch.randint(0, 50, (2, 6)), torch.tensor([6, 3])
    torch.testing.assert_close(loaded(ids, lengths), saved(ids, lengths))
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


@pytest.mark.parametrize("network_class", [SpanNetwork, MaskingNetwork])
def test_files_that_are_no_network_are_named(network_class, tmp_path):
    def refused(message):
        with pytest.raises(ArtefactError, match=message) as caught:
            load_network(tmp_path, network_class)
        assert str(tmp_path / WEIGHTS) in str(caught.value)

    refused("missing: rerun the rule")
    save_file({"x": torch.ones(1)}, tmp_path / WEIGHTS)
    refused(f"no {network_class.method} policy")
    (tmp_path / WEIGHTS).write_bytes(b"\0" * 20)
    refused(f"no {network_class.method} policy")


def test_the_network_of_another_method_is_refused(tmp_path):
    save_network(SpanNetwork(50, 16), tmp_path)
    with pytest.raises(ArtefactError, match="no meta-learned policy"):
        load_network(tmp_path, MaskingNetwork)
