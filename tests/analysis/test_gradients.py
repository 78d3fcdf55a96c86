import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from maskpolicy.analysis.gradients import MaskGradients, masked_tokens, select_parameters
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.errors import InputError
from maskpolicy.models.bert import create_encoder
from maskpolicy.models.specs import EncoderArchitecture

SMALL = EncoderArchitecture(
    hidden_size=16, layers=2, attention_heads=2, ffn_dim=32, init_std=0.2, max_positions=24
)
IDS = np.array([7, 12, 13, 9, 20, 15])
MASKS = np.array([[1, 0, 0, 1, 0, 0], [0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 0, 1]], bool)


def test_masked_tokens_are_rendered_in_place(special):
    source, positions, labels = masked_tokens(IDS, MASKS, special)
    mask = special.mask
    assert source[0].tolist() == [special.bos, mask, 12, 13, mask, 20, 15, special.eos]
    assert positions.tolist() == [[1, 4], [2, 3], [4, 6]]
    assert labels.tolist() == [[7, 9], [12, 13], [9, 15]]


@pytest.mark.parametrize(
    ("family", "head_known"), [("bert", True), ("roberta", True), ("bert", False)]
)
def test_gradients_of_many_masks_are_those_of_one_backward_each(
    family, head_known, wordpiece_folder, special, monkeypatch
):
    if not head_known:
        monkeypatch.setattr("maskpolicy.analysis.gradients.masked_lm_head", lambda model: None)
    tokenizer = load_tokenizer(wordpiece_folder)
    model = create_encoder(SMALL.model_copy(update={"family": family}), tokenizer, 0).double()
    # The tied word embeddings too: the head reads them as well.
    gradients_of = MaskGradients(model, special, ["*.layer.*", "*word_embeddings*"], 2)
    gradients, losses = gradients_of(IDS, MASKS)
    source, _, _ = masked_tokens(IDS, MASKS, special)
    model.requires_grad_(True).eval()
    parameters = [model.get_parameter(name) for name in gradients_of.names]
    assert gradients_of.size == sum(parameter.numel() for parameter in parameters)
    for m, mask in enumerate(MASKS):
        logits = model(input_ids=torch.from_numpy(source[m : m + 1])).logits[0, 1:-1]
        loss = cross_entropy(logits[mask], torch.from_numpy(IDS)[mask])
        assert losses[m] == pytest.approx(loss.item(), rel=1e-12)
        for batched, single in zip(
            gradients, torch.autograd.grad(loss, parameters, allow_unused=True), strict=True
        ):
            torch.testing.assert_close(batched[m], single.flatten(), rtol=1e-9, atol=1e-12)


def test_patterns_select_parameters_in_the_order_of_the_model(encoder):
    names = select_parameters(encoder, ["*.layer.1.*.weight", "*.layer.0.attention.self.query.*"])
    assert names[:2] == [
        "bert.encoder.layer.0.attention.self.query.weight",
        "bert.encoder.layer.0.attention.self.query.bias",
    ]
    assert all(".layer.1." in name and name.endswith(".weight") for name in names[2:])


def test_an_unknown_parameter_is_an_error_that_lists_the_known(encoder):
    with pytest.raises(InputError, match=r"parameters: .*'\*\.layer\.7\.\*'; known: bert\.embed"):
        select_parameters(encoder, ["*.layer.0.*", "*.layer.7.*"])
