"""Cross-entropy in parts, beside torch's own of all logits."""

import pytest
import torch
import torch._dynamo.testing
from torch.nn.functional import cross_entropy, linear

from maskpolicy.models import cross_entropy as in_parts


@pytest.fixture(params=[1, 4, 10_000], ids=lambda rows: f"{rows} rows at once")
def rows_at_once(request, monkeypatch):
    monkeypatch.setattr(in_parts, "LOGITS_AT_ONCE", request.param * 50)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("biased", [True, False])
def test_loss_and_gradients_are_those_of_all_logits(rows_at_once, smoothing, biased):
    torch.manual_seed(0)
    inputs = [torch.randn(11, 8), torch.randn(50, 8), *([torch.randn(50)] if biased else [])]
    labels = torch.randint(50, (11,))

    def loss_and_gradients(loss_of):
        leaves = [tensor.clone().requires_grad_() for tensor in inputs]
        states, weight, bias = [*leaves, None][:3]
        loss = loss_of(states, weight, bias)
        (3 * loss).backward()
        return [loss.detach(), *(leaf.grad for leaf in leaves)]

    expected = loss_and_gradients(
        lambda states, weight, bias: cross_entropy(
            linear(states, weight, bias), labels, label_smoothing=smoothing
        )
    )
    found = loss_and_gradients(
        lambda states, weight, bias: in_parts.linear_cross_entropy(
            states, weight, bias, labels, smoothing
        )
    )
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_the_logits_of_autocast_are_summed_in_single_precision(rows_at_once):
    torch.manual_seed(0)
    states, weight = torch.randn(11, 8, requires_grad=True), torch.randn(50, 8, requires_grad=True)
    labels = torch.randint(50, (11,))
    with torch.autocast("cpu", torch.bfloat16):
        loss = in_parts.linear_cross_entropy(states, weight, None, labels, 0.1)
    assert loss.dtype == torch.float32
    loss.backward()
    gradients = [states.grad.clone(), weight.grad.clone()]
    assert {gradient.dtype for gradient in gradients} == {torch.float32}
    states.grad = weight.grad = None
    exact = cross_entropy(linear(states, weight), labels, label_smoothing=0.1)
    exact.backward()
    torch.testing.assert_close(loss, exact, rtol=0.01, atol=0.01)
    for one, other in zip(gradients, (states.grad, weight.grad), strict=True):
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.01)


def test_parts_of_all_sizes_run_one_graph():
    """Of what a GPU's compiler makes kernels of."""
    counting = torch._dynamo.testing.CompileCounter()
    of_logits = torch.compile(in_parts._loss_and_gradient, dynamic=True, backend=counting)
    for rows in (7, 5, 11, 30):
        logits, labels = torch.randn(rows, 50), torch.randint(50, (rows,))
        expected = in_parts._loss_and_gradient(logits, labels, torch.tensor(1 / rows), 0.1)
        found = of_logits(logits, labels, torch.tensor(1 / rows), 0.1)
        for one, other in zip(expected, found, strict=True):
            torch.testing.assert_close(one, other)
    assert counting.frame_count == 1
