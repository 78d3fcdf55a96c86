"""Saved states: a training goes on bit for bit, and never from the state of another one."""

import resource

import pytest
import torch

from maskpolicy.errors import ArtefactError
from maskpolicy.training.state import (
    Saving,
    State,
    fingerprint,
    load_state,
    remove_state,
    restore_training,
    save_state,
    state_file,
    training_tensors,
)


def new_training(seed):
    torch.manual_seed(seed)
    model = torch.nn.Linear(4, 3)
    return model, torch.optim.AdamW(model.parameters(), lr=0.1)


def step(model, optimiser, number):
    torch.manual_seed(number)
    model(torch.randn(5, 4)).square().mean().backward()
    optimiser.step()
    optimiser.zero_grad()


def test_a_restored_training_goes_on_bit_for_bit(tmp_path):
    straight, optimiser = new_training(0)
    for number in range(6):
        step(straight, optimiser, number)
        if number == 2:
            save_state(tmp_path, "a", training_tensors(straight, optimiser), {"step": 3})
    resumed, optimiser = new_training(1)
    state = load_state(tmp_path, "a")
    restore_training(resumed, optimiser, state.tensors)
    for number in range(state.facts["step"], 6):
        step(resumed, optimiser, number)
    assert torch.equal(straight.weight, resumed.weight)
    assert torch.equal(straight.bias, resumed.bias)


def test_the_state_before_the_first_step_can_be_saved(tmp_path):
    model, optimiser = new_training(0)
    save_state(tmp_path, "a", training_tensors(model, optimiser), {})
    other, optimiser = new_training(1)
    restore_training(other, optimiser, load_state(tmp_path, "a").tensors)
    assert torch.equal(model.weight, other.weight)


def test_another_training_does_not_find_the_state(tmp_path):
    save_state(tmp_path, "a", {"x": torch.ones(2)}, {})
    assert load_state(tmp_path, "b") is None
    remove_state(tmp_path, "b")
    assert load_state(tmp_path, "a").tensors["x"].tolist() == [1, 1]
    remove_state(tmp_path, "a")
    assert not tmp_path.exists()


def test_the_fingerprint_covers_settings_and_content(tmp_path):
    file = tmp_path / "train.arrow"
    file.write_text("data")
    one = fingerprint({"epochs": 3, "seed": 0}, [file])
    assert one == fingerprint({"seed": 0, "epochs": 3}, [file])
    assert one != fingerprint({"seed": 1, "epochs": 3}, [file])
    file.write_text("other data")
    assert one != fingerprint({"epochs": 3, "seed": 0}, [file])
    with pytest.raises(ArtefactError, match=r"gone\.arrow"):
        fingerprint({}, [tmp_path / "gone.arrow"])


def test_a_full_disk_keeps_the_state_before(tmp_path):
    """As a limit of file sizes, which needs no root: the system refuses to write more."""
    saving, large = Saving(tmp_path, "a"), State({"x": torch.ones(100_000)}, {})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def refused():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        try:
            with pytest.raises(ArtefactError) as found:
                saving.save(large)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        return str(found.value)

    assert refused().endswith(
        "File too large; none was saved before: mend that, and the same command starts anew"
    )
    saving.save(State({"x": torch.ones(2)}, {"steps": 3}))
    assert "the state before it is kept" in refused()
    assert saving.load().facts == {"steps": 3}
    assert list(tmp_path.iterdir()) == [state_file(tmp_path, "a")]


def test_a_damaged_state_is_named(tmp_path):
    save_state(tmp_path, "a", {"x": torch.ones(2)}, {})
    file = state_file(tmp_path, "a")
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(ArtefactError, match="damaged"):
        load_state(tmp_path, "a")
