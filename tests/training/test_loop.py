"""The training loop: schedule, loss, determinism and what it refuses."""

from itertools import pairwise, repeat

import pytest
import torch
from support.training import train

from maskpolicy.errors import Diverged
from maskpolicy.models.batches import Batch
from maskpolicy.models.losses import sequence_loss
from maskpolicy.training.loop import BatchLearner, decayed_and_others
from maskpolicy.training.schedules import learning_rate_at
from maskpolicy.training.specs import Optimisation


@pytest.fixture
def batch():
    random = torch.Generator().manual_seed(0)
    source = torch.randint(5, 40, (4, 9), generator=random)
    target = torch.randint(5, 40, (4, 6), generator=random)
    source[:, 0] = target[:, 0] = 0
    source[1, 5:] = 1
    target[2, 3:] = 1
    return Batch(source, target)


def test_the_learning_rate_rises_and_falls_linearly():
    optimisation = Optimisation(steps=100, batch_size=1, warmup=0.1)
    rates = [learning_rate_at(step, optimisation, 1.0) for step in range(100)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rates[10] == 1.0
    assert rates[-1] == pytest.approx(1 / 90)
    assert all(a > b for a, b in pairwise(rates[10:]))


def test_the_loss_is_transformers_own(tiny_bart, batch):
    """Labels and shifted decoder input as BartForConditionalGeneration makes them from `labels`."""
    expected = tiny_bart(
        input_ids=batch.source,
        attention_mask=batch.source != 1,
        labels=batch.target.masked_fill(batch.target == 1, -100),
    ).loss
    assert sequence_loss(tiny_bart, batch, 0.0).item() == pytest.approx(expected.item(), rel=1e-5)


def test_padding_does_not_change_the_loss(tiny_bart, batch):
    wider = Batch(
        torch.nn.functional.pad(batch.source, (0, 7), value=1),
        torch.nn.functional.pad(batch.target, (0, 7), value=1),
    )
    assert sequence_loss(tiny_bart, wider, 0.1).item() == pytest.approx(
        sequence_loss(tiny_bart, batch, 0.1).item(), rel=1e-5
    )


def test_warm_up_is_a_share_or_a_number_of_updates():
    def rates(warmup):
        optimisation = Optimisation(steps=50, batch_size=1, warmup=warmup)
        return [learning_rate_at(step, optimisation, 1.0) for step in range(50)]

    assert rates(5) == rates(0.1)
    assert rates(1)[0] == 1.0 and rates(1.0)[0] == 1 / 50
    with pytest.raises(ValueError, match="`warmup`: 51 are more than the 50 `steps`"):
        rates(51)


@pytest.mark.parametrize("rows", [1, 3, 4, 9])
def test_a_split_step_is_the_whole_step(make_tiny_bart, batch, rows):
    """Its loss is the mean over all target tokens, of which parts have unequal numbers."""

    def after(**settings):
        model = make_tiny_bart()
        optimisation = Optimisation(steps=2, batch_size=4, label_smoothing=0.1)
        arguments = {"learning_rate": 1e-3, "step_loss": sequence_loss, **settings}
        history = train(model, repeat(batch), optimisation, **arguments)
        return model, history

    (whole, expected), (split, history) = after(), after(examples_at_once=rows)
    assert history.tokens == expected.tokens
    assert history.losses == pytest.approx(expected.losses, abs=2e-4)
    read = [part.source.shape for part in batch.split(rows, 1)]
    assert sum(n for n, _ in read) == 4 and max(n for n, _ in read) <= rows
    for one, other in zip(whole.parameters(), split.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=2e-5)


def test_gradients_of_a_split_step_add_up_to_those_of_the_whole(make_tiny_bart, batch):
    """Before any optimiser hides it: a part that counts for too much is seen here."""

    def gradients(rows):
        learner = BatchLearner(
            "t",
            make_tiny_bart(),
            lambda step: repeat(batch),
            optimisation=Optimisation(steps=1, batch_size=4),
            learning_rate=1e-3,
            seed=0,
            step_loss=sequence_loss,
            examples_at_once=rows,
        )
        learner._descend(batch)
        return [parameter.grad for parameter in learner.model.parameters()]

    for one, other in zip(gradients(None), gradients(2), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_training_lowers_the_loss_and_repeats_exactly(make_tiny_bart, batch):
    optimisation = Optimisation(steps=30, batch_size=4, warmup=0.1)
    models = [make_tiny_bart(dropout=0.1) for _ in range(2)]
    histories = [
        train(
            model,
            repeat(batch),
            optimisation,
            learning_rate=5e-3,
            seed=3,
            step_loss=sequence_loss,
        )
        for model in models
    ]
    assert histories[0] == histories[1]
    assert histories[0].losses[-1] < 0.7 * histories[0].losses[0]
    assert histories[0].tokens == 30 * int((batch.source != 1).sum() + (batch.target != 1).sum())
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_diverging_run_is_stopped(make_tiny_bart, batch):
    model = make_tiny_bart()
    with torch.no_grad():
        model.model.shared.weight.fill_(float("nan"))
    with pytest.raises(Diverged, match="lower the learning rate"):
        train(
            model,
            repeat(batch),
            Optimisation(steps=5, batch_size=4),
            learning_rate=1.0,
            seed=0,
            step_loss=sequence_loss,
        )


def test_of_matrices_alone_biases_and_layer_norms_do_not_decay(make_tiny_bart, batch):
    """As BERT's: without a gradient they stay where they are, and matrices shrink."""

    def after_steps(decayed):
        model = make_tiny_bart()
        settings = Optimisation(steps=2, batch_size=4, weight_decay=0.5, decayed=decayed)
        train(
            model,
            repeat(batch),
            settings,
            learning_rate=1e-2,
            seed=0,
            step_loss=lambda model, batch, smoothing: 0 * sequence_loss(model, batch, smoothing),
        )
        return dict(model.named_parameters())

    before = dict(make_tiny_bart().named_parameters())
    for decayed in ("all", "matrices"):
        for name, weight in after_steps(decayed).items():
            shrunk = weight.norm() < before[name].norm()
            unchanging = before[name].norm() == 0  # a bias
            of_a_matrix = not name.endswith("bias") and "norm" not in name
            assert shrunk == (not unchanging and (of_a_matrix or decayed == "all")), name


def test_all_weights_decay_as_one_group(tiny_bart):
    [group] = decayed_and_others(tiny_bart, Optimisation(steps=1, batch_size=1))
    assert group["weight_decay"] == 0.01 and group["params"] == list(tiny_bart.parameters())
