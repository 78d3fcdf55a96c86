"""The gradient of the vocabulary's cross-entropy, and its derivative, against torch's own."""

import pytest
import torch
from torch.nn.functional import cross_entropy, linear

from maskpolicy.learning.meta import label_gradient as module
from maskpolicy.learning.meta.label_gradient import hessian_product, label_gradient


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(module, "LABELS", 2)  # five labels: two whole parts and a rest


@pytest.fixture
def problem():
    torch.manual_seed(0)
    states = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(7, dtype=torch.float64)
    return states, weight, bias, torch.randint(0, 7, (5,))


def reference(states, weight, bias, labels):
    return cross_entropy(linear(states, weight, bias), labels)


def test_it_is_the_gradient_of_the_cross_entropy(problem):
    loss, of_states, of_weight = label_gradient(*problem)
    expected = reference(*problem)
    gradients = torch.autograd.grad(expected, problem[:2])
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close((of_states, of_weight), gradients)
    assert label_gradient(*problem, of_weight=False)[2] is None


def test_its_product_is_that_of_the_hessian(problem):
    states, weight, *_ = problem
    vectors = torch.randn_like(states), torch.randn_like(weight)
    gradients = torch.autograd.grad(reference(*problem), (states, weight), create_graph=True)
    expected = torch.autograd.grad(gradients, (states, weight), vectors)
    with torch.no_grad():
        torch.testing.assert_close(hessian_product(*problem, *vectors), expected)


def test_it_can_be_differentiated_in_reverse_and_forward_mode(problem):
    states, weight, bias, labels = problem
    assert torch.autograd.gradcheck(
        lambda s, w: label_gradient(s, w, bias, labels)[1:],
        (states, weight),
        check_forward_ad=True,
        check_undefined_grad=False,
    )
    assert torch.autograd.gradcheck(
        lambda s: label_gradient(s, weight.detach(), bias, labels, of_weight=False)[1],
        (states,),
    )
