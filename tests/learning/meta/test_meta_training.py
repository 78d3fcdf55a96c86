"""Training a meta-learned policy: from what, always the same, and that it can be interrupted."""

import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from maskpolicy.errors import ArtefactError, Diverged, InputError
from maskpolicy.learning.files import PolicyFiles
from maskpolicy.learning.meta import history
from maskpolicy.learning.meta.history import PATIENCE, Evaluation, History, PolicyCollapsed, Step
from maskpolicy.learning.meta.inner_loss import load_inner_loss
from maskpolicy.learning.meta.learner import MetaLearner, budget_penalty, draw_decisions
from maskpolicy.learning.meta.specs import MetaTraining
from maskpolicy.learning.meta.training import train_meta_policy
from maskpolicy.learning.meta.triples import read_triples
from maskpolicy.policies.meta.network import MaskingNetwork, network_on
from maskpolicy.policies.token_network import load_network
from maskpolicy.randomness import key
from maskpolicy.tasks.seq2seq import read_examples, write_examples
from maskpolicy.training.fit import fit

SETTINGS = {
    "method": "meta",
    "model": "tiny",
    "task": "towns",
    "steps": 6,
    "batch_size": 4,
    "evaluations": 2,
    "dev_examples": 6,
}


@pytest.fixture
def train(checkpoint, tokenizer_folder, task, tmp_path):
    """Train and return the folder of the policy."""

    def run(name="policy", task=task, seed=0, **settings):
        record = MetaTraining(**SETTINGS | settings)
        state, output = tmp_path / "state", tmp_path / name
        files = PolicyFiles(task, checkpoint, tokenizer_folder, state, output)
        train_meta_policy(files, record, seed, "towns")
        return output

    return run


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_it_writes_a_policy_its_log_and_its_curve(train, task):
    folder = train(pretrain_steps=2, context_length=20)
    assert load_network(folder, MaskingNetwork).embeddings.num_embeddings == 320
    lines = (folder / "log.csv").read_text().splitlines()
    assert lines[0] == "step,mask_rate,meta_loss,penalty,pretrain_loss,finetune_loss"
    assert len(lines) == 1 + 6
    facts = manifest(folder)
    assert facts["train"]["examples"] == 24
    assert [e["step"] for e in facts["evaluations"]] == [0, 3, 6]
    best = min(facts["evaluations"][1:], key=lambda e: e["objective"])
    assert facts["best_step"] == best["step"]
    assert b"<svg" in (folder / "learning-curve.svg").read_bytes()


def test_the_same_seed_gives_the_same_files(train):
    one = contents(train("one"))
    assert contents(train("two")) == one
    assert contents(train("three", seed=1)) != one


def test_the_test_split_is_never_seen(train, task, towns, tmp_path):
    """A marker planted in the test split, or the split itself gone, changes nothing."""
    expected = contents(train("expected"))
    marked = shutil.copytree(task, tmp_path / "marked")
    write_examples(marked / "test.arrow", towns(48, 16) + towns(900, 40))
    assert contents(train("marked-policy", task=marked)) == expected
    (marked / "test.arrow").unlink()
    assert contents(train("no-test-policy", task=marked)) == expected


class Interruption(Exception):
    pass


def test_an_interrupted_training_goes_on_where_it_was(train, monkeypatch, tmp_path):
    straight = contents(train("straight"))
    monkeypatch.setattr("maskpolicy.training.state.SAVE_EVERY", 0.0)
    monkeypatch.setattr("maskpolicy.training.state.SHARE_OF_TIME", float("inf"))
    step, taken = MetaLearner._outer_step, []

    def interrupted(*arguments):
        taken.append(1)
        if len(taken) == 5:
            raise Interruption
        return step(*arguments)

    monkeypatch.setattr(MetaLearner, "_outer_step", interrupted)
    with pytest.raises(Interruption):
        train("resumed")
    assert not (tmp_path / "resumed").exists()
    other = contents(train("other", seed=1))
    assert other != straight, "another training does not go on from the state"
    taken.clear()
    taken.extend([1] * 5)
    assert contents(train("resumed")) == straight
    assert len(taken) == 5 + 2, "four steps were not taken again"
    assert not (tmp_path / "state").exists()


@pytest.fixture
def inner_loss(checkpoint, tokenizer):
    return load_inner_loss(checkpoint, tokenizer.mask)


@pytest.fixture
def fit_from(inner_loss, tokenizer, task):
    """Train a network that masks the share `rate` at first; returns the history."""

    def run(rate, **settings):
        record = MetaTraining(**SETTINGS | settings)
        splits = {
            split: read_triples(tokenizer, read_examples(task / f"{split}.arrow"), record, 60)[0]
            for split in ("train", "dev")
        }
        network = network_on(inner_loss.model.get_input_embeddings().weight.detach(), 0, rate)
        learner = MetaLearner("towns", network, inner_loss, **splits, training=record, seed=0)
        fit(learner)
        return learner.history

    return run


def test_the_model_keeps_what_it_learned(inner_loss, fit_from):
    """Algorithm 1, line 9: theta moves by pre-train steps; networks are compared from theta^(0)."""
    before = {name: p.clone() for name, p in inner_loss.parameters_by_name().items()}
    shown = fit_from(0.15, learning_rate=1e-9, pretrain_rate=1.0)
    assert any(not torch.equal(p, before[n]) for n, p in inner_loss.parameters_by_name().items())
    assert shown.steps[-1].pretrain_loss < shown.steps[0].pretrain_loss
    first, *later = shown.evaluations
    assert all(e.meta_loss == pytest.approx(first.meta_loss, abs=1e-6) for e in later)


@pytest.mark.parametrize(("penalty", "low", "high"), [(10.0, 0.3, 0.5), (1e-6, 0.8, 1.0)])
def test_a_heavy_penalty_brings_the_rate_back_to_the_budget(fit_from, penalty, low, high):
    settings = {"budget": 0.4, "tolerance": 0.01, "penalty": penalty}
    first, *_, last = fit_from(0.9, steps=60, learning_rate=0.01, **settings).evaluations
    assert first.mask_rate > 0.8
    assert low < last.mask_rate < high


def test_a_training_that_collapses_is_stopped(fit_from, monkeypatch):
    monkeypatch.setattr(history, "PATIENCE", 4)
    with pytest.raises(PolicyCollapsed, match=r"^towns: .* up to step 4 it masked"):
        fit_from(0.999, learning_rate=1e-9)


def test_decisions_leave_special_tokens_and_padding_alone(tokenizer, task):
    record = MetaTraining(**SETTINGS)
    triples, _ = read_triples(tokenizer, read_examples(task / "train.arrow"), record, 60)
    batch = triples.batch(np.arange(5), torch.device("cpu"))
    embeddings = torch.randn(320, 16, generator=torch.Generator().manual_seed(0))
    network = network_on(embeddings, 0, 0.9)
    keys = [key(0, k) for k in range(2)]
    decisions = draw_decisions(network, batch, keys, 0.5, straight_through=True)
    assert decisions.shape == (2, *batch.pretrain.source.shape)
    special = batch.pretrain.source < 5
    assert torch.equal(batch.inside, ~special)
    assert not decisions[:, special].any()
    assert decisions[:, ~special].mean() > 0.5
    assert not torch.equal(decisions[0], decisions[1])
    one = triples.batch(np.array([3]), torch.device("cpu"))
    alone = draw_decisions(network, one, keys, 0.5, straight_through=True)
    torch.testing.assert_close(alone[:, 0], decisions[:, 3, : alone.shape[2]])


def test_the_penalty_is_that_of_equation_7():
    """Budget 15 %, tolerance 5 %, 100 tokens: 15 ± 5 of them cost nothing (the paper's example)."""
    lengths = torch.tensor([100])
    for masked, expected in ((15, 0), (10, 0), (20, 0), (21, 36), (9, 36), (0, 225), (100, 7225)):
        decisions = (torch.arange(100) < masked).float()[None]
        assert budget_penalty(decisions, lengths, 0.15, 0.05).item() == pytest.approx(expected)
    both = torch.stack([torch.zeros(1, 100), torch.ones(1, 100)])
    mean = budget_penalty(both, lengths, 0.15, 0.05).item()
    assert mean == pytest.approx((225 + 7225) / 2)


def step(rate):
    return Step(rate, -0.01, 3.0, 2.0, 5.0)


def test_a_collapsed_policy_is_noticed():
    for rates in ([0.0] * PATIENCE, [1.0] * PATIENCE, [0.0, 1.0] * (PATIENCE // 2)):
        history = History([step(0.15)] * 20 + [step(rate) for rate in rates])
        with pytest.raises(PolicyCollapsed, match=r"collapsed.* step 70 .* raise `penalty`"):
            history.check_collapse("towns")
        history.steps[-1] = step(0.1)
        history.check_collapse("towns")
    History([step(0.0)] * (PATIENCE - 1)).check_collapse("towns")
    assert issubclass(PolicyCollapsed, InputError)


def test_a_history_survives_being_saved():
    history = History([step(0.1)] * 3, [Evaluation(0, 0.1, -1.0, 2.0, -9.0)])
    history.evaluations += [Evaluation(s, 0.1, -1.0, 2.0, v) for s, v in ((2, -2.0), (4, -3.0))]
    assert History.from_facts(json.loads(json.dumps(asdict(history)))) == history
    assert history.best().step == 4, "the untrained network is no candidate"


def test_tasks_that_teach_nothing_are_refused(train, task, towns, tmp_path):
    other = shutil.copytree(task, tmp_path / "other")
    bare = [e.__class__(e.id, "", e.source, e.target, e.answers) for e in towns(0, 5)]
    write_examples(other / "dev.arrow", bare)
    with pytest.raises(ArtefactError, match=r"dev\.arrow: none of 5 examples has a context"):
        train(task=other)
    long = [
        e.__class__(e.id, e.context + " and so on" * 30, e.source, e.target, e.answers)
        for e in towns(0, 2)
    ]
    write_examples(other / "dev.arrow", bare + long + towns(2, 8))
    with pytest.raises(ArtefactError, match=r"dev\.arrow: 2 contexts .* the 62 tokens") as raised:
        train(task=other)
    assert "context_length" in str(raised.value)
    facts = manifest(train(task=other, context_length=30, steps=1, evaluations=1))
    assert facts["dev"]["cut_contexts"] >= 2
    assert facts["dev"]["no_context"] == 5


def test_sources_and_targets_are_cut_as_asked_or_refused(train, task, towns, tmp_path):
    other = shutil.copytree(task, tmp_path / "other")
    for part in ("source", "target"):
        long = [replace(e, **{part: " ".join(["land"] * 70)}) for e in towns(0, 2)]
        write_examples(other / "train.arrow", long + towns(2, 8))
        with pytest.raises(ArtefactError, match=rf"2 {part}s .* the 62 tokens .* at most 64"):
            train(task=other, **{f"{part}_length": 128})
        facts = manifest(train(task=other, **{f"{part}_length": 64}, steps=1, evaluations=1))
        assert facts["train"][f"cut_{part}s"] == 2
        assert facts["train"][f"longest_{part}"] == 70
    # A length beyond the model is no error where no text needs it.
    assert manifest(train(source_length=128))["train"]["cut_sources"] == 0


def test_a_tokenizer_of_another_model_is_refused(make_tiny_bart, train, checkpoint):
    make_tiny_bart(vocab_size=40).save_pretrained(checkpoint)
    with pytest.raises(ArtefactError, match="knows 40 tokens, but its tokenizer"):
        train()
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(ArtefactError, match="cannot load the model"):
        train()


def test_a_diverging_inner_loop_is_stopped(train):
    with pytest.raises(Diverged, match="lower `pretrain_rate`"):
        train(pretrain_rate=1e30)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"engine": "higher", "first_order": True}, "first_order"),
        ({"engine": "exact", "checkpointing": True}, "checkpointing"),
        ({"engine": "higher", "precision": "bfloat16"}, "bfloat16"),
        ({"tolerance": 0.15}, "tolerance"),
        ({"evaluations": 7}, "evaluations"),
        ({"budget": 1.5}, "budget"),
        ({"gamma": 0.15}, "gamma"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        MetaTraining(**SETTINGS | settings)
