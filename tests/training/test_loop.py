"""The training loop: loss, determinism and what it refuses."""

from itertools import repeat

import pytest
import torch
from support.training import train
from transformers import BartForConditionalGeneration, masking_utils

from maskpolicy.errors import Diverged, InputError
from maskpolicy.models.batches import Batch, InPlaceBatch
from maskpolicy.models.labels import IGNORED
from maskpolicy.models.losses import loss_in_parts, masked_lm_loss, sequence_loss
from maskpolicy.training.fit import fit
from maskpolicy.training.loop import BatchLearner, decayed_and_others
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


def test_the_loss_is_transformers_own(tiny_bart, batch):
    """Labels and shifted decoder input as BartForConditionalGeneration makes them from `labels`."""
    expected = tiny_bart(
        input_ids=batch.source,
        attention_mask=batch.source != 1,
        labels=batch.target.masked_fill(batch.target == 1, -100),
    ).loss
    assert sequence_loss(tiny_bart, batch, 0.0).item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_loss_in_parts_is_the_same(tiny_bart, batch):
    """What a GPU steps down, with the gradients of all parameters: embeddings have two."""
    tiny_bart.final_logits_bias += torch.randn(tiny_bart.final_logits_bias.shape)

    def loss_and_gradients(loss_of):
        tiny_bart.zero_grad()
        loss = loss_of(tiny_bart, batch, 0.1)
        loss.backward()
        return [loss, *(parameter.grad for parameter in tiny_bart.parameters())]

    pairs = zip(loss_and_gradients(sequence_loss), loss_and_gradients(loss_in_parts), strict=True)
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_padding_does_not_change_the_loss(tiny_bart, batch):
    wider = Batch(
        torch.nn.functional.pad(batch.source, (0, 7), value=1),
        torch.nn.functional.pad(batch.target, (0, 7), value=1),
    )
    assert sequence_loss(tiny_bart, wider, 0.1).item() == pytest.approx(
        sequence_loss(tiny_bart, batch, 0.1).item(), rel=1e-5
    )


@pytest.mark.parametrize("kind", ["tokens of a target", "labels in place"])
def test_a_step_asks_the_device_nothing(make_tiny_bart, make_tiny_bert, batch, kind, monkeypatch):
    """It would wait for a GPU. A tensor of the device `meta` has no values to be asked for."""
    nowhere = torch.device("meta")
    # transformers asks whether a mask masks anything, but not where it is compiled.
    monkeypatch.setattr(masking_utils, "is_tracing", lambda *_: True)
    if kind == "tokens of a target":
        model, step_loss = make_tiny_bart(), sequence_loss
    else:
        model, step_loss, batch = make_tiny_bert(), masked_lm_loss, in_place_batch()
    model = model.to(nowhere).train()
    with pytest.raises((RuntimeError, NotImplementedError)):
        (type(batch)(batch.source.to(nowhere), batch.target.to(nowhere))).attention_mask(1)
    loss = step_loss(model, batch.to(nowhere), 0.1)
    assert loss.device == nowhere
    loss.backward()


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


def in_place_batch():
    """Of a masked LM: sources of unequal lengths, with few labels and with many."""
    random = torch.Generator().manual_seed(0)
    source = torch.randint(5, 40, (4, 9), generator=random)
    source[0, 4:] = source[3, 7:] = 0
    labelled = torch.zeros(4, 9, dtype=torch.bool)
    labelled[0, 1] = labelled[1, 1:8] = labelled[2, 4] = labelled[3, 2:5] = True
    return InPlaceBatch(source, source.masked_fill(~labelled, IGNORED))


def gradients_of(model, batch, step_loss, **settings):
    learner = BatchLearner(
        "t",
        model,
        lambda step: repeat(batch),
        optimisation=Optimisation(steps=1, batch_size=4, label_smoothing=0.1),
        learning_rate=1e-3,
        seed=0,
        step_loss=step_loss,
        **settings,
    )
    loss = learner._descend(batch)
    return [loss, *(p.grad for p in model.parameters() if p.grad is not None)]


@pytest.mark.parametrize("rows", [1, 3])
def test_a_split_step_of_a_masked_lm_is_the_whole_step(make_tiny_bert, rows):
    """Parts count by their labels, not by their tokens."""
    batch = in_place_batch()
    parts = batch.split(rows, 0)
    assert [part.predicted(0) for part in parts] == ([1, 7, 1, 3] if rows == 1 else [9, 3])
    assert [part.source.shape[1] for part in parts] == ([4, 9, 9, 7] if rows == 1 else [9, 7])
    assert sum(part.tokens(0) for part in parts) == batch.tokens(0)
    whole = gradients_of(make_tiny_bert(), batch, masked_lm_loss)
    split = gradients_of(make_tiny_bert(), batch, masked_lm_loss, examples_at_once=rows)
    for one, other in zip(whole, split, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_checkpointed_gradients_are_the_same(make_tiny_bart, batch, dropout):
    def after(checkpointed):
        model = make_tiny_bart(dropout=dropout)
        optimisation = Optimisation(steps=3, batch_size=4, gradient_checkpointing=checkpointed)
        history = train(
            model, repeat(batch), optimisation, learning_rate=1e-3, step_loss=sequence_loss
        )
        assert model.is_activation_checkpointing == checkpointed
        return history, list(model.parameters())

    (history, kept), (other, twice) = after(False), after(True)
    assert other.losses == pytest.approx(history.losses, abs=1e-4)
    for one, two in zip(kept, twice, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=2e-5)


def test_gradients_that_a_model_cannot_checkpoint_are_an_error(make_tiny_bart, monkeypatch):
    monkeypatch.setattr(BartForConditionalGeneration, "supports_gradient_checkpointing", False)
    with pytest.raises(InputError, match="gradient_checkpointing: bart models"):
        train(
            make_tiny_bart(),
            repeat(None),
            Optimisation(steps=1, batch_size=4, gradient_checkpointing=True),
            learning_rate=1e-3,
            step_loss=sequence_loss,
        )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "`batch_size: 4` and no `examples_at_once`: give those that fit at once"),
        ({"examples_at_once": 2}, "`batch_size: 4` and `examples_at_once: 2`: give fewer at once"),
    ],
)
def test_an_exhausted_memory_names_what_to_lower(make_tiny_bart, batch, settings, said):
    def too_large(model, batch, smoothing):
        torch.empty(1 << 60, dtype=torch.uint8)  # torch's own error

    def broken(model, batch, smoothing):
        raise RuntimeError("of another kind")

    def take(step_loss):
        optimisation = Optimisation(steps=5, batch_size=4)
        arguments = {"learning_rate": 1e-3, "step_loss": step_loss, **settings}
        train(make_tiny_bart(), repeat(batch), optimisation, **arguments)

    with pytest.raises(InputError, match=f"t: out of memory at step 0, with {said}"):
        take(too_large)
    with pytest.raises(RuntimeError, match="of another kind"):
        take(broken)


def test_losses_that_are_read_together_are_those_of_each_step(make_tiny_bart, batch, monkeypatch):
    def losses():
        optimisation = Optimisation(steps=23, batch_size=4)
        learner = BatchLearner(
            "t",
            make_tiny_bart(dropout=0.1),
            lambda step: repeat(batch),
            optimisation=optimisation,
            learning_rate=1e-2,
            seed=0,
            step_loss=sequence_loss,
        )
        fit(learner)
        assert not learner._unread
        return learner.losses

    together = losses()
    monkeypatch.setattr("maskpolicy.training.loop.READ_EVERY", 1)
    assert losses() == together and len(together) == 23


def test_a_loss_that_is_read_later_names_its_step(make_tiny_bart, batch):
    seen = []

    def spoilt(model, batch, smoothing):
        seen.append(len(seen))
        return sequence_loss(model, batch, smoothing) * (float("nan") if seen[-1] == 4 else 1)

    with pytest.raises(Diverged, match="the loss is nan at step 4; lower the learning rate"):
        train(
            make_tiny_bart(),
            repeat(batch),
            Optimisation(steps=30, batch_size=4),
            learning_rate=1e-3,
            step_loss=spoilt,
        )
    assert len(seen) == 10


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
