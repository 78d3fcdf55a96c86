"""Learning rates against values worked out by hand."""

from itertools import pairwise

import pytest
from pydantic import ValidationError

from maskpolicy.training.schedules import learning_rate_at
from maskpolicy.training.specs import Finetuning, Optimisation

GOLDEN = {
    # Two steps of warm-up; then 8 of which the first is at the peak.
    "linear": [0.5, 1, 1, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8],
    # (1 + cos(pi i / 8)) / 2
    "cosine": [0.5, 1, 1, 0.961940, 0.853553, 0.691342, 0.5, 0.308658, 0.146447, 0.038060],
    "constant": [0.5, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    "wsd": [0.5, 1, 1, 1, 1, 1, 1, 1, 2 / 3, 1 / 3],
}


def rates(steps=10, peak=1.0, **settings):
    optimisation = Optimisation(steps=steps, batch_size=1, **settings)
    return [learning_rate_at(step, optimisation, peak) for step in range(steps)]


@pytest.mark.parametrize("schedule", GOLDEN)
def test_schedules_are_their_formulas(schedule):
    settings = {"decay": 0.3} if schedule == "wsd" else {}
    found = rates(schedule=schedule, warmup=2, **settings)
    assert found == pytest.approx(GOLDEN[schedule], abs=1e-6)
    assert rates(schedule=schedule, warmup=2, peak=3e-4, **settings) == pytest.approx(
        [3e-4 * rate for rate in found]
    )


def test_it_is_linear_where_nothing_is_said():
    """Ye et al. 2021, section 3.1."""
    assert rates(100, warmup=0.1) == rates(100, warmup=0.1, schedule="linear")
    found = rates(100, warmup=0.1)
    assert found[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert found[10] == 1.0
    assert found[-1] == pytest.approx(1 / 90)
    assert all(a > b for a, b in pairwise(found[10:]))


def test_warm_up_is_a_share_or_a_number_of_updates():
    assert rates(50, warmup=5) == rates(50, warmup=0.1)
    assert rates(50, warmup=1)[0] == 1.0 and rates(50, warmup=1.0)[0] == 1 / 50
    with pytest.raises(ValueError, match="`warmup`: 51 are more than the 50 `steps`"):
        rates(50, warmup=51)


def test_a_decay_has_a_tenth_of_the_steps_and_what_the_warm_up_leaves():
    assert rates(20, warmup=1, schedule="wsd") == [1] * 19 + [0.5]
    assert rates(4, warmup=3, schedule="wsd", decay=1.0) == pytest.approx([1 / 3, 2 / 3, 1, 1])
    assert rates(4, warmup=1.0, schedule="wsd", decay=0.5) == [0.25, 0.5, 0.75, 1]
    assert rates(4, warmup=1, schedule="wsd", decay=0.0) == [1] * 4


def test_a_decay_of_another_schedule_is_refused():
    for make in (Optimisation, Finetuning):
        with pytest.raises(ValidationError, match="`decay`: of `schedule: wsd` alone, not of `cos"):
            make(steps=4, batch_size=1, schedule="cosine", decay=0.5)


def test_fine_tuning_hands_its_schedule_on():
    record = Finetuning(
        epochs=2,
        batch_size=4,
        learning_rates=(0.01,),
        schedule="wsd",
        decay=0.25,
        gradient_checkpointing=True,
    ).of("seq2seq")
    [setting] = record.grid.every
    optimisation = record.at(setting, examples=16).optimisation
    assert (optimisation.schedule, optimisation.decay_steps) == ("wsd", 2)
    assert optimisation.gradient_checkpointing
