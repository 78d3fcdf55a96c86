"""Runs of a small study of two stages, kept once on its way, whose mean scores are given."""

from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.evaluation.runs import Run

START, STEPS = 2000, 1000

# Mean scores before pre-training, after 400 steps and after all 1000.
STUDY = {"none": (0.5,), "rand": (0.55, 0.6), "ssm": (0.58, 0.7), "ssm@control": (0.45, 0.48)}

TWO_RUNS = (-0.01, 0.01)
FIVE_RUNS = (-0.01, -0.005, 0.0, 0.005, 0.01)
"""How far the scores of the runs of an arm lie from its mean; five are enough for saved time."""


def make_run(policy, score, step=None, seed=0, task="mr", metrics=("accuracy",)):
    return Run(
        model="bert",
        policy=policy,
        task=task,
        pretraining_seed=0,
        seed=seed,
        step=step,
        split="test",
        examples=100,
        metrics=dict.fromkeys(metrics, score),
        dev=dict.fromkeys(metrics, 0.5),
        signatures={metric: find_metric(metric).signature for metric in metrics},
        predictions_sha256="",
    )


def make_study(study=STUDY, spread=TWO_RUNS, **about):
    """Runs of every arm: one seed for each of `spread`, whose scores lie about the means."""
    return [
        make_run(arm, mean + off, step, seed, **about)
        for arm, means in study.items()
        for mean, step in zip(means, [None] if arm == "none" else [400, None], strict=True)
        for seed, off in enumerate(spread)
    ]
