import json

import pytest

from maskpolicy.evaluation.collection import collect_runs
from maskpolicy.evaluation.runs import METRICS_FILE, score_predictions, write_run
from maskpolicy.reporting.tables import render_table
from maskpolicy.statistics.significance import test_significance as compute_significance

EXAMPLES = 40

# Right answers of 40, by arm and seed. ssm is best, rand (seed 2 beats it) not significantly worse.
STUDY = {
    "none": (2, 3, 2),
    "orig_infill<30>": (8, 9, 10),
    "rand": (14, 20, 18),
    "ssm": (19, 18, 21),
    "ssm@control": (6, 4, 5),
}


@pytest.fixture
def render(tmp_path):
    """Write runs, and everything up to the table; returns the folder of tables.

    `study` maps arms to the right answers of each seed, of EXAMPLES; a classification task, whose
    examples are positive and negative by turns, has all others wrong too.
    """

    def render(
        study=STUDY, tasks=("qa",), name="main", metrics=("exact_match",), cuts=(), **arguments
    ):
        of_labels = metrics != ("exact_match",)
        answers = ["positive", "negative"] * (EXAMPLES // 2) if of_labels else ["yes"] * EXAMPLES
        wrong = {"positive": "negative", "negative": "positive", "yes": "no"}
        ids = [f"q{i}" for i in range(EXAMPLES)]
        runs = []
        for task in tasks:
            for arm, right in study.items():
                for seed, correct in enumerate(right):
                    folder = tmp_path / "runs" / arm / task / str(seed)
                    says = [
                        answer if i < correct else wrong[answer] for i, answer in enumerate(answers)
                    ]
                    write_run(
                        folder,
                        score_predictions(ids, says, [[answer] for answer in answers], metrics),
                        model="bart-tiny",
                        policy=arm,
                        task=task,
                        pretraining_seed=0,
                        seed=seed,
                        dev={metrics[0]: 0.5},
                    )
                    runs.append(folder / METRICS_FILE)
        collect_runs(runs, tmp_path / "runs.csv", tmp_path / "runs.arrow")
        compute_significance(tmp_path / "runs.arrow", tmp_path / "significance.json")
        masks = []
        for shard, arm in ((s, a) for a in study if a != "none" for s in range(2)):
            counts = {"rows": 100, "dropped_rows": 10, "tokens": 1000, "masked_tokens": 150}
            masks.append(tmp_path / f"{arm}-{shard}.json")
            masks[-1].write_text(
                json.dumps({"policy": arm, **counts, "spans": 60, "insertions": 9})
            )
        files = [tmp_path / f"{of_task.task}.cuts.json" for of_task in cuts]
        for path, of_task in zip(files, cuts, strict=True):
            of_task.write(path)
        render_table(
            tmp_path / "significance.json",
            masks,
            cuts=files,
            folder=tmp_path / "tables",
            name=name,
            **arguments,
        )
        return tmp_path / "tables"

    return render
