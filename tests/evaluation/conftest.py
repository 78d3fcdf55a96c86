import pytest

from maskpolicy.evaluation.runs import METRICS_FILE, score_predictions, write_run
from maskpolicy.evaluation.search import SEARCH_FILE, write_search


@pytest.fixture
def make_run(tmp_path):
    """Write a run to a folder named after it; returns the path of its metrics.json."""

    def make(
        policy="ssm",
        seed=0,
        predictions=("Paris", "Bern"),
        *,
        ids=("q0", "q1"),
        answers=(("Paris",), ("Bern",)),
        metrics=("exact_match",),
        folder=None,
        **names,
    ):
        folder = tmp_path / (folder or f"{policy}-{names.get('task', 'qa')}-{seed}")
        write_search(folder.parent / SEARCH_FILE, metrics[0], {1e-5: 0.5, 1e-4: 0.6})
        write_run(
            folder,
            score_predictions(ids, predictions, answers, metrics),
            **{"model": "tiny", "task": "qa", "pretraining_seed": 0, "dev": {}} | names,
            policy=policy,
            seed=seed,
        )
        return folder / METRICS_FILE

    return make
