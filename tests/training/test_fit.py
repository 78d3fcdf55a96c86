"""The shared fit: goes on bit for bit from any step, and leaves the first of the best weights."""

import pytest
import torch

from maskpolicy.training.fit import Learner, fit
from maskpolicy.training.state import Saving, State, state_file


class Interruption(Exception):
    pass


class Toy(Learner):
    """A line fitted to random points; every second step is scored, by `scores`."""

    def __init__(self, scores=(), interrupted_at=None, ends_after=None):
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 1)
        super().__init__("toy", model, torch.optim.Adam(model.parameters(), lr=0.1), 8)
        self.scores = scores
        self.interrupted_at = interrupted_at
        self.ends_after = ends_after
        self.losses = []
        self.taken = 0

    def take(self, step):
        if step == self.interrupted_at:
            raise Interruption
        torch.manual_seed(step)
        loss = self.model(torch.randn(4, 3)).square().mean()
        loss.backward()
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.losses.append(loss.item())
        self.taken += 1
        return f"loss {loss.item()}"

    def evaluate(self, done):
        return self.scores[done // 2 - 1] if self.scores and done % 2 == 0 else None

    def ended(self):
        return self.ends_after is not None and len(self.losses) >= self.ends_after

    def memory(self):
        return State({"losses": torch.tensor(self.losses, dtype=torch.float64)}, {})

    def recall(self, memory):
        self.losses = memory.tensors["losses"].tolist()


@pytest.fixture
def save_always(monkeypatch):
    monkeypatch.setattr("maskpolicy.training.state.SAVE_EVERY", 0.0)
    monkeypatch.setattr("maskpolicy.training.state.SHARE_OF_TIME", float("inf"))


def weights(learner):
    return [parameter.tolist() for parameter in learner.model.parameters()]


def after(steps):
    """The weights after so many steps."""
    learner = Toy()
    learner.steps = steps
    fit(learner)
    return weights(learner)


@pytest.mark.parametrize(
    ("scores", "kept"),
    [((), 8), ((1, 2, 3, 4), 8), ((-4, -1, -1, -2), 4), ((0.5, 0.5, 0.5, 0.5), 2)],
)
def test_the_first_of_the_best_weights_is_left(scores, kept):
    learner = Toy(scores)
    fit(learner)
    assert weights(learner) == after(kept)


def test_weights_that_are_shared_are_kept_once(tmp_path, save_always):
    class Tied(Toy):
        def __init__(self, **settings):
            super().__init__((1, 3, 2, 3), **settings)
            self.model.alias = torch.nn.Linear(3, 1)
            self.model.alias.weight = self.model.weight

    with Saving(tmp_path, "a") as saving:
        with pytest.raises(Interruption):
            fit(Tied(interrupted_at=7), saving)
        kept = [name for name in saving.load().tensors if name.startswith("best/")]
        assert sorted(kept) == ["best/alias.bias", "best/bias", "best/weight"]
        resumed = Tied()
        fit(resumed, saving)
    assert resumed.model.alias.weight is resumed.model.weight
    assert weights(resumed)[:2] == after(4)


@pytest.mark.parametrize("scores", [(), (1, 3, 2, 3)])
@pytest.mark.parametrize("step", range(1, 8))
def test_an_interrupted_training_goes_on_from_any_step(tmp_path, save_always, capsys, scores, step):
    straight = Toy(scores)
    fit(straight)
    with pytest.raises(Interruption), Saving(tmp_path / "state", "a") as saving:
        fit(Toy(scores, interrupted_at=step), saving)
    assert state_file(tmp_path / "state", "a").exists()
    resumed = Toy(scores)
    with Saving(tmp_path / "state", "a") as saving:
        fit(resumed, saving)
    assert resumed.taken == 8 - step
    assert f"toy: goes on after step {step} of 8\n" in capsys.readouterr().err
    assert (weights(resumed), resumed.losses) == (weights(straight), straight.losses)
    assert not (tmp_path / "state").exists()


def test_a_training_that_ended_early_is_not_taken_up_again(tmp_path, save_always):
    early = Toy((1, 3, 2, 3), ends_after=6)
    with pytest.raises(Interruption), Saving(tmp_path, "a") as saving:
        fit(early, saving)
        raise Interruption
    assert early.taken == 6 and weights(early) == after(4)
    again = Toy((1, 3, 2, 3), ends_after=6)
    fit(again, Saving(tmp_path, "a"))
    assert again.taken == 0 and weights(again) == after(4)


def test_another_training_does_not_go_on_from_it(tmp_path, save_always):
    with pytest.raises(Interruption), Saving(tmp_path, "a") as saving:
        fit(Toy(interrupted_at=5), saving)
    other = Toy()
    with Saving(tmp_path, "b") as saving:
        fit(other, saving)
    assert other.taken == 8
    assert state_file(tmp_path, "a").exists(), "nor does it remove the state of the first"


def test_what_is_not_due_is_not_saved(tmp_path):
    with pytest.raises(Interruption), Saving(tmp_path, "a") as saving:
        fit(Toy(interrupted_at=5), saving)
    assert not state_file(tmp_path, "a").exists()


def test_a_finished_part_is_not_repeated(tmp_path):
    straight = Toy((1, 3, 2, 3))
    with pytest.raises(Interruption), Saving(tmp_path, "a") as saving:
        fit(straight, saving, finish=True)
        raise Interruption  # in a later part
    again = Toy((1, 3, 2, 3))
    fit(again, Saving(tmp_path, "a"), finish=True)
    assert again.taken == 0
    assert (weights(again), again.losses) == (weights(straight), straight.losses)
