"""Learning rates: how they rise and fall over the steps of a training."""

from math import cos, pi

from maskpolicy.training.specs import Optimisation


def learning_rate_at(step: int, optimisation: Optimisation, peak: float) -> float:
    """The learning rate of step number `step`, from 0, of a training with this `peak`.

    It rises from 0 in a line over the steps of the warm-up. Then the schedules `linear` (Ye et al.
    2021, section 3.1) and `cosine` (Loshchilov and Hutter 2017, without restarts) end at 0 after
    the last step, as `wsd` does, which stays at the peak until its decay (Hu et al. 2024).
    """
    steps, warmup = optimisation.steps, max(1, optimisation.warmup_steps)
    if step < warmup:
        return peak * (step + 1) / warmup
    match optimisation.schedule:
        case "linear":
            return peak * (steps - step) / max(1, steps - warmup)
        case "cosine":
            return peak * (1 + cos(pi * (step - warmup) / max(1, steps - warmup))) / 2
        case "wsd" if step >= steps - optimisation.decay_steps:
            return peak * (steps - step) / optimisation.decay_steps
        case "wsd" | "constant":
            return peak
