"""The three engines compute the gradient of the paper's meta-loss."""

import pytest
import torch

from maskpolicy.learning.meta.hypergradient import InnerLoop, meta_gradient, meta_loss
from maskpolicy.learning.meta.inner_loss import InnerLoss
from maskpolicy.models.batches import Batch
from maskpolicy.policies.meta.network import MaskingNetwork, gumbel_decisions

RATES = {"pretrain_rate": 0.1, "finetune_rate": 0.2}


@pytest.fixture
def run(pretrain, finetune):
    def run(inner_loss, decisions, **options):
        inner = InnerLoop(**RATES | options)
        return meta_gradient(inner_loss, pretrain, finetune, decisions, inner)

    return run


def cosine(one, other):
    return torch.cosine_similarity(one.flatten().double(), other.flatten().double(), dim=0).item()


@pytest.mark.parametrize(("tied", "steps"), [(True, 1), (True, 2), (False, 2)])
def test_engines_agree(make_inner_loss, run, decisions, tied, steps):
    inner_loss, decisions = make_inner_loss(tied=tied), decisions[:steps]
    reference = run(inner_loss, decisions, engine="higher")
    size = reference.decisions.abs().max()
    assert size > 1e-3
    for engine in ("exact", "finite-difference"):
        result = run(inner_loss, decisions, engine=engine)
        if engine == "exact":
            assert (result.decisions - reference.decisions).abs().max() < 1e-8 * size
        assert cosine(result.decisions, reference.decisions) > 0.9999
        for name, learned in reference.parameters.items():
            torch.testing.assert_close(result.parameters[name], learned, rtol=0, atol=1e-12)
        for quantity in ("meta_loss", "pretrain_loss", "finetune_loss"):
            expected = getattr(reference, quantity)
            assert getattr(result, quantity) == pytest.approx(expected, abs=1e-12)


def test_tied_embeddings_are_one_parameter(make_inner_loss):
    tied, untied = (make_inner_loss(tied=tied).parameters_by_name() for tied in (True, False))
    assert set(untied) - set(tied) >= {"model.lm_head.weight"}


def test_it_is_the_slope_of_the_meta_loss(inner_loss, run, pretrain, finetune, decisions):
    """Central differences of the true objective, in every inner step."""
    gradient = run(inner_loss, decisions, engine="exact").decisions
    parameters, inner = inner_loss.parameters_by_name(), InnerLoop(**RATES)
    torch.manual_seed(4)
    for direction in torch.randn(2, *decisions.shape, dtype=torch.float64):
        ahead, back = (
            meta_loss(inner_loss, parameters, pretrain, finetune, decisions + step, inner)
            for step in (1e-5 * direction, -1e-5 * direction)
        )
        expected = (gradient * direction).sum().item()
        assert (ahead - back) / 2e-5 == pytest.approx(expected, rel=1e-5)


def test_the_chain_rule_leads_to_the_policys_parameters(inner_loss, run, pretrain, finetune):
    """d L' / d phi through the decisions is the slope of L' as a function of phi."""
    torch.manual_seed(5)
    network = MaskingNetwork(60, 16).double()
    lengths = torch.tensor([10, 7, 10])
    noise = torch.randn(1, 3, 10, dtype=torch.float64)

    def decide():
        logits = network(pretrain.source[:, 1:-1], lengths)
        soft = gumbel_decisions(logits[..., 1] - logits[..., 0], noise, 0.7, False)
        inside = torch.arange(10) < lengths[:, None]
        return torch.nn.functional.pad(soft * inside, (1, 1))

    decisions = decide()
    result = run(inner_loss, decisions.detach(), engine="exact")
    (decisions * result.decisions).sum().backward()

    parameters, inner = inner_loss.parameters_by_name(), InnerLoop(**RATES)
    weight = network.convolution.weight
    direction = torch.randn_like(weight)

    def moved(step):
        with torch.no_grad():
            weight.add_(step * direction)
            loss = meta_loss(inner_loss, parameters, pretrain, finetune, decide(), inner)
            weight.sub_(step * direction)
        return loss

    slope = (moved(1e-5) - moved(-1e-5)) / 2e-5
    assert slope == pytest.approx((weight.grad * direction).sum().item(), rel=1e-5)


def test_finite_differences_are_good_in_single_precision(make_inner_loss, run, decisions):
    exact = run(make_inner_loss(), decisions, engine="exact")
    single = make_inner_loss(torch.float32)
    result = run(single, decisions.float(), engine="finite-difference")
    assert cosine(result.decisions, exact.decisions) > 0.999
    assert result.decisions.norm().item() == pytest.approx(exact.decisions.norm().item(), rel=0.01)


def test_finite_differences_are_good_in_bfloat16_where_noise_averages_out(make_tiny_bart):
    layers = {"encoder_layers": 3, "decoder_layers": 3}
    widths = {"d_model": 256, "encoder_ffn_dim": 512, "decoder_ffn_dim": 512}
    inner_loss = InnerLoss(make_tiny_bart(60, **layers, **widths), 4)
    context, source, target = (torch.randint(5, 60, (3, n)) for n in (16, 8, 4))
    batches = Batch(context, context), Batch(source, target)
    decisions = torch.rand(1, 3, 16)
    exact, coarse = (
        meta_gradient(inner_loss, *batches, decisions, InnerLoop(**RATES, **options)).decisions
        for options in ({"engine": "exact"}, {"precision": "bfloat16"})
    )
    assert cosine(coarse, exact) > 0.96
    assert coarse.norm().item() == pytest.approx(exact.norm().item(), rel=0.1)


def test_checkpointing_changes_nothing(inner_loss, run, decisions):
    kept, recomputed = (run(inner_loss, decisions, checkpointing=c) for c in (False, True))
    torch.testing.assert_close(recomputed.decisions, kept.decisions, rtol=1e-6, atol=1e-12)
    assert recomputed.meta_loss == kept.meta_loss


def test_the_first_order_is_right_for_small_rates(inner_loss, run, decisions):
    errors = []
    for rate in (1e-2, 1e-3):
        exact, approximate = (
            run(inner_loss, decisions, engine="exact", first_order=f, **dict.fromkeys(RATES, rate))
            for f in (False, True)
        )
        difference = (approximate.decisions - exact.decisions).norm()
        errors.append((difference / exact.decisions.norm()).item())
    assert errors[0] < 0.2
    assert errors[1] == pytest.approx(errors[0] / 10, rel=0.2), "the error is linear in the rate"


def test_padding_changes_nothing(inner_loss, run, pretrain, finetune, decisions):
    expected = run(inner_loss, decisions, engine="exact")
    wider = [
        torch.nn.functional.pad(ids, (0, 3), value=1)
        for ids in (pretrain.source, finetune.source, finetune.target)
    ]
    result = meta_gradient(
        inner_loss,
        Batch(wider[0], wider[0]),
        Batch(wider[1], wider[2]),
        torch.nn.functional.pad(decisions, (0, 3)),
        InnerLoop(**RATES, engine="exact"),
    )
    torch.testing.assert_close(result.decisions[..., :-3], expected.decisions)
    assert not result.decisions[..., -3:].any()
    assert result.meta_loss == pytest.approx(expected.meta_loss)


def test_the_model_stays_as_it_is(inner_loss, run, decisions, pretrain, finetune):
    before = {name: p.clone() for name, p in inner_loss.parameters_by_name().items()}
    for engine in ("higher", "exact", "finite-difference"):
        result = run(inner_loss, decisions, engine=engine)
        after = inner_loss.parameters_by_name()
        assert all(torch.equal(after[name], before[name]) for name in before)
        assert not all(torch.equal(result.parameters[name], before[name]) for name in before)
        inner = InnerLoop(**RATES)
        loss = meta_loss(inner_loss, before, pretrain, finetune, decisions, inner)
        assert loss == pytest.approx(result.meta_loss, abs=1e-12)


def test_nothing_masked_is_nothing_lost(inner_loss, pretrain):
    """With d = 0 the encoder reads the tokens, with d = 1 it reads <mask>."""
    none, every = torch.zeros(3, 12, dtype=torch.float64), torch.ones(3, 12, dtype=torch.float64)
    parameters = inner_loss.parameters_by_name()
    assert inner_loss.loss(parameters, pretrain, none) == inner_loss.loss(parameters, pretrain)
    present = pretrain.source != 1
    masks = torch.where(present, 4, pretrain.source)
    masked = inner_loss.loss(parameters, pretrain, every)
    assert masked == inner_loss.loss(parameters, Batch(masks, pretrain.target))


def test_a_meta_gradient_of_nothing_is_zero(inner_loss, run, decisions):
    """Where v vanishes there is no direction to take a difference along."""
    result = run(inner_loss, decisions, finetune_rate=0.0)
    assert not result.decisions.any()


def test_impossible_options_are_refused(inner_loss, make_inner_loss, run, decisions):
    with pytest.raises(ValueError, match="first-order"):
        run(inner_loss, decisions, engine="higher", first_order=True)
    for option in ({"checkpointing": True}, {"precision": "bfloat16"}):
        for engine in ("higher", "exact"):
            with pytest.raises(ValueError, match="finite-difference"):
                run(inner_loss, decisions, engine=engine, **option)
    with pytest.raises(ValueError, match="without dropout"):
        make_inner_loss(dropout=0.1)
