import json
from itertools import product
from pathlib import Path
from types import MappingProxyType

import pytest

from maskpolicy.evaluation.collection import collect_runs
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
from maskpolicy.evaluation.specs import TableRow
from maskpolicy.reporting.specs import ShownBlock, ShownRow
from maskpolicy.reporting.tables import BlockFiles, render_table
from maskpolicy.statistics.significance import test_significance as compute_significance
from maskpolicy.tasks.majority import Majority

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

    A table of several `blocks` has the rows of `study` in each: a list of heading -> right answers
    of each seed by arm. Rows that `paper` alone has are only in print. `asked` are options of
    the tests.

    `study` maps arms to the right answers of each seed, of EXAMPLES; a classification task, whose
    examples are positive and negative by turns, has all others wrong too. `only` maps arms to what
    they predict for every example instead, `rates` to their learning rate, of three the second; in
    `tied` are those that did as well on dev with all three, and so have the first;
    `pretraining` are the pre-training seeds that the runs of an arm are of; of the tasks in
    `dev_as_test` the published dev split is the test split, and `drift` has those of other counts
    than expected; of each task so many test examples are `shared` with train or dev. Of a task in
    `fewer` so many answers fewer are right than `study` says; `tests` are the test splits of those
    whose examples stand in clusters.
    """

    def render(
        study=STUDY,
        tasks=("qa",),
        name="main",
        metrics=("exact_match",),
        only=(),
        rates=(),
        tied=(),
        pretraining=(0,),
        cuts=(),
        dev_as_test=(),
        drift=(),
        shared=0,
        fewer=(),
        paper=(),
        labels=(),
        about=(),
        blocks=None,
        asked=(),
        tests=MappingProxyType({}),
        **arguments,
    ):
        of_labels = not {"exact_match", "choice_accuracy"} & set(metrics)
        answers = ["positive", "negative"] * (EXAMPLES // 2) if of_labels else ["yes"] * EXAMPLES
        wrong = {"positive": "negative", "negative": "positive", "yes": "no"}
        ids = [f"q{i}" for i in range(EXAMPLES)]
        of_blocks = blocks or {"bart-tiny": study}
        rows, files = [], []
        for number, (model, arms) in enumerate(of_blocks.items()):
            masks = {}
            for arm, right in arms.items():
                runs = []
                for task in tasks:
                    home = tmp_path / "runs" / model / arm / task
                    rate = dict(rates).get(arm, 2e-4)
                    grid = (1e-4, 2e-4, 3e-4)
                    dev = {each: float(each == rate or arm in tied) for each in grid}
                    found = search(
                        Grid(grid), metrics[0], lambda tried, dev=dev: dev[tried.learning_rate]
                    )
                    found.write(home / SEARCH_FILE)
                    for (seed, correct), before in product(enumerate(right), pretraining):
                        folder = home / f"{before}-{seed}"
                        says = [
                            answer if i < correct - dict(fewer).get(task, 0) else wrong[answer]
                            for i, answer in enumerate(answers)
                        ]
                        if arm in only:
                            says = [only[arm]] * EXAMPLES
                        run = PredictedRun(
                            model=model,
                            policy=arm,
                            task=task,
                            pretraining_seed=before,
                            seed=seed,
                            labels=("positive", "negative", "") if of_labels else (),
                        )
                        weighed = [
                            {"yes": -1.0, "no": -2.0 if i < correct else 0.0}
                            for i in range(EXAMPLES)
                        ]
                        said = Predictions(ids, says, [[answer] for answer in answers], weighed)
                        write_predictions(folder, run, {"dev": said, "test": said})
                        vouch_for(folder, run)
                        score_runs([folder / MANIFEST], metrics)
                        runs.append(str(folder / METRICS_FILE))
                stage = "longer" if arm in dict(about) else "wiki"
                searches = [str(Path(run).parents[1] / SEARCH_FILE) for run in runs]
                named = {"block": number, "name": arm, "arm": arm, "stage": stage}
                rows.append(TableRow(**named, runs=runs, searches=searches))
                counts = {"rows": 100, "dropped_rows": 10, "tokens": 1000, "masked_tokens": 150}
                masks[arm] = [
                    tmp_path / f"{arm}-{shard}.json" for shard in range(2) if arm != "none"
                ]
                for path in masks[arm]:
                    path.write_text(
                        json.dumps({"policy": arm, **counts, "spans": 60, "insertions": 9})
                    )
            cut_files = [tmp_path / f"{of_task.task}.cuts.json" for of_task in cuts]
            for of_task, path in zip(cuts, cut_files, strict=True):
                of_task.write(path)
            shown = [
                ShownRow(
                    name=arm,
                    label=dict(labels).get(arm, arm),
                    about=dict(about).get(arm, ""),
                    only_printed=arm not in arms,
                )
                for arm in dict.fromkeys([*arms, *paper])
            ]
            block = ShownBlock(heading=model, rows=shown, paper=dict(paper))
            files.append(BlockFiles(block, masks, cut_files))
        collect_runs(rows, tmp_path / "runs.csv", tmp_path / "runs.arrow", tests)
        compute_significance(tmp_path / "runs.arrow", tmp_path / "significance.json", **dict(asked))
        majorities = [tmp_path / f"{task}-majority.json" for task in tasks]
        for task, path in zip(tasks, majorities, strict=True):
            scores = dict.fromkeys(metrics, 0.1)
            Majority(
                task=task,
                answer=answers[0],
                share=0.25,
                metrics=scores,
                dev_as_test=task in dev_as_test,
                drift=dict(drift).get(task, {}),
                shared=shared,
            ).write(path)
        render_table(
            tmp_path / "significance.json",
            files,
            majorities=majorities,
            finetuning=dict.fromkeys(tasks, "default"),
            folder=tmp_path / "tables",
            name=name,
            **arguments,
        )
        return tmp_path / "tables"

    return render
