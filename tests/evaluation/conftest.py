import pytest

from maskpolicy.evaluation.predictions import (
    MANIFEST,
    PredictedRun,
    Predictions,
    vouch_for,
    write_predictions,
)
from maskpolicy.evaluation.runs import METRICS_FILE
from maskpolicy.evaluation.scoring import score_runs
from maskpolicy.evaluation.search import SEARCH_FILE, Grid, search


@pytest.fixture
def make_run(tmp_path):
    """Write and score a run in a folder named after it; returns the path of its metrics.json.

    What it predicts of dev is what it predicts of test, unless it is given.
    """

    def make(
        policy="ssm",
        seed=0,
        predictions=("Paris", "Bern"),
        *,
        ids=("q0", "q1"),
        answers=(("Paris",), ("Bern",)),
        metrics=("exact_match",),
        dev=None,
        folder=None,
        **names,
    ):
        folder = tmp_path / (folder or f"{policy}-{names.get('task', 'qa')}-{seed}")
        found = search(Grid((1e-5, 1e-4)), metrics[0], lambda setting: setting.learning_rate)
        found.write(folder.parent / SEARCH_FILE)
        test = Predictions(ids, predictions, answers)
        run = PredictedRun(
            **{"model": "tiny", "task": "qa", "pretraining_seed": 0} | names,
            policy=policy,
            seed=seed,
        )
        write_predictions(folder, run, {"dev": dev or test, "test": test})
        vouch_for(folder, run)
        score_runs([folder / MANIFEST], metrics)
        return folder / METRICS_FILE

    return make
