from itertools import product
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import dunnett, f_oneway, spearmanr, trim_mean, ttest_rel

from maskpolicy.arrow_files import read_table, write_table
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.collection import RUNS_SCHEMA
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.statistics.aggregates import interquartile_mean, probability_of_improvement
from maskpolicy.statistics.significance import Significance, _searched
from maskpolicy.statistics.significance import test_significance as compute_significance

NOTHING = MappingProxyType({})


@pytest.fixture
def significance(tmp_path):
    """Test a table of runs given as task -> arm -> score of each seed; of another metric than exact
    match the task is written "task metric".

    `only` maps arms to what all runs of theirs predict for every example; `pretraining` are the
    seeds of each run; of a task in `clusters` so many examples are of one. An arm of another stage
    is written "arm after stage", one of another block "arm of model".
    """

    def significance(tasks, only=NOTHING, pretraining=(), clusters=NOTHING, **asked):
        named = {
            arm: (*arm.partition(" of ")[::2], *arm.partition(" after ")[::2])
            for arms in tasks.values()
            for arm in arms
        }
        rows = [
            {
                "block": int(bool(named[arm][1])),
                "row": named[arm][0],
                "model": named[arm][1] or "tiny",
                "stage": named[arm][3] or "wiki",
                "policy": arm.split(" ")[0],
                "task": task.split()[0],
                "pretraining_seed": pretraining[seed] if pretraining else 0,
                "seed": seed,
                "split": "test",
                "metric": [*task.split(), "exact_match"][1],
                "signature": "exact_match|…",
                "examples": 100,
                "score": score,
                "learning_rate": 1e-4,
                "learning_rates": [1e-5, 1e-4],
                "only_prediction": only.get(arm),
                "example_statistics": [float(i < round(100 * score)) for i in range(100)],
                "example_clusters": [i // clusters[task] for i in range(100)]
                if task in clusters
                else None,
            }
            for task, arms in tasks.items()
            for arm, scores in arms.items()
            for seed, score in enumerate(scores)
        ]
        write_table(tmp_path / "runs.arrow", pa.Table.from_pylist(rows, schema=RUNS_SCHEMA))
        compute_significance(tmp_path / "runs.arrow", tmp_path / "significance.json", **asked)
        return Significance.read(tmp_path / "significance.json")

    return significance


ARMS = {
    "none": [0.07, 0.08, 0.06],
    "rand": [0.24, 0.31, 0.26],  # below ssm on the mean, but not with every seed
    "ssm": [0.28, 0.29, 0.30],
    "ssm@control": [0.10, 0.11, 0.13],
}


def test_the_best_is_dark_and_its_equals_light(significance):
    column = significance({"qa": ARMS}).blocks[0].columns[0]
    assert column.best == "ssm"
    assert {arm.arm: arm.shade for arm in column.arms} == {
        "none": "none",
        "rand": "light",
        "ssm": "dark",
        "ssm@control": "none",
    }
    assert column.comparison("rand", "ssm").p > 0.1 > column.comparison("ssm@control", "ssm").p


def test_means_and_spread(significance):
    ssm = significance({"qa": ARMS}).blocks[0].columns[0].arms[2]
    assert ssm.mean == pytest.approx(0.29)
    assert ssm.std == pytest.approx(0.01)
    assert ssm.scores == ARMS["ssm"]


def test_arms_are_compared_with_the_best_with_none_and_with_their_control(significance):
    column = significance({"qa": ARMS}).blocks[0].columns[0]
    assert {(c.arm, c.other) for c in column.comparisons} == {
        ("none", "ssm"),
        ("rand", "ssm"),
        ("rand", "none"),
        ("ssm", "none"),
        ("ssm", "ssm@control"),
        ("ssm@control", "ssm"),
        ("ssm@control", "none"),
    }
    against_control = column.comparison("ssm", "ssm@control")
    assert against_control.difference == pytest.approx(0.29 - 0.34 / 3)
    assert against_control.p < 0.01
    assert against_control.p_examples < 0.001
    assert column.comparison("ssm", "rand") is None


def test_columns_and_arms_keep_their_order(significance):
    result = significance({"nq": ARMS, "a": dict(reversed(ARMS.items()))})
    assert [column.task for column in result.blocks[0].columns] == ["nq", "a"]
    assert [arm.arm for arm in result.blocks[0].columns[1].arms] == list(reversed(ARMS))


def test_arms_with_equal_means_are_both_dark(significance):
    column = significance({"qa": {"a": [0.1, 0.2, 0.3], "b": [0.3, 0.1, 0.2]}}).blocks[0].columns[0]
    assert [arm.shade for arm in column.arms] == ["dark", "dark"]
    assert column.best == "a"


def test_a_constant_difference_is_significant(significance):
    column = significance({"qa": {"a": [0.1, 0.2], "b": [0.2, 0.3]}}).blocks[0].columns[0]
    assert [arm.shade for arm in column.arms] == ["none", "dark"]
    assert "no spread" in column.comparisons[0].note


def test_nothing_is_tested_of_one_run(significance):
    column = significance({"qa": {"a": [0.1], "b": [0.2]}}).blocks[0].columns[0]
    assert [arm.shade for arm in column.arms] == ["none", "dark"]
    assert column.comparisons == []


def test_what_else_was_searched_is_kept_but_for_ties():
    def searched(chosen, tied=False):
        return [{"axis": "batch_size", "chosen": chosen, "grid": [8, 16], "tied": tied}]

    rows = [searched(8), searched(8, tied=True), searched(16, tied=True), searched(16)]
    schema = pa.schema([RUNS_SCHEMA.field("searched")])
    runs = pa.Table.from_pylist([{"searched": row} for row in rows], schema=schema)
    [found] = _searched(runs, {"ssm": [0, 1], "rand": [2], "none": [2, 3]})
    assert (found.axis, found.grid) == ("batch_size", [8, 16])
    assert found.chosen == {"ssm": [8], "rand": [], "none": [16]}


def test_learning_rates_and_their_grid_are_kept(significance):
    column = significance({"qa": ARMS}).blocks[0].columns[0]
    assert column.grid == [1e-5, 1e-4]
    assert column.arms[0].learning_rates == [1e-4] * 3


@pytest.mark.parametrize(
    ("scores", "only", "flat"),
    [
        ({"a": [0.0, 0.0], "b": [0.0, 0.0]}, {"a": "", "b": ""}, "empty"),
        ({"a": [0.5, 0.5], "b": [0.4, 0.4]}, {"a": "yes", "b": ""}, "constant"),
        ({"a": [0.5, 0.5], "b": [0.5, 0.5]}, {}, "equal"),
    ],
)
def test_where_nothing_tells_arms_apart_none_is_shaded(significance, scores, only, flat):
    column = significance({"qa": scores}, only).blocks[0].columns[0]
    assert column.flat == flat
    assert [arm.shade for arm in column.arms] == ["none", "none"]


@pytest.mark.parametrize(
    ("scores", "only"),
    [
        ({"a": [0.5, 0.5], "b": [0.4, 0.4]}, {"a": "yes"}),
        ({"a": [0.5, 0.4], "b": [0.4, 0.5]}, {}),
    ],
)
def test_where_an_arm_differs_the_best_is_dark(significance, scores, only):
    column = significance({"qa": scores}, only).blocks[0].columns[0]
    assert (column.flat, column.arms[0].shade) == (None, "dark")
    assert column.arms[0].only_predictions == [only.get("a")] * 2


def test_one_arm_alone_is_not_shaded(significance):
    column = significance({"qa": {"a": [0.5, 0.4]}}).blocks[0].columns[0]
    assert (column.flat, column.arms[0].shade, column.comparisons) == (None, "none", [])


def test_statistics_of_different_lengths_are_no_pairs(significance, tmp_path):
    significance({"qa": ARMS})
    runs = read_table(tmp_path / "runs.arrow").to_pylist()
    for run in runs[:3]:
        run["example_statistics"] *= 2
    write_table(tmp_path / "runs.arrow", pa.Table.from_pylist(runs, schema=RUNS_SCHEMA))
    with pytest.raises(ArtefactError, match="exact_match on qa differ in length: score its runs"):
        compute_significance(tmp_path / "runs.arrow", tmp_path / "out.json")


def test_the_same_runs_give_the_same_bytes(significance, tmp_path):
    significance({"qa": ARMS})
    first = (tmp_path / "significance.json").read_bytes()
    significance({"qa": ARMS})
    assert (tmp_path / "significance.json").read_bytes() == first


def test_metrics_of_the_split_are_tested_by_exchanging_predictions(tmp_path):
    random = np.random.default_rng(0)
    answers = random.normal(size=60)
    noise = {"a": 0.3, "b": 0.4, "c": 9.0}
    metric = find_metric("spearman")
    rows = []
    for arm, seed in product(noise, range(3)):
        predictions = answers + noise[arm] * random.normal(size=60)
        statistics = metric.statistics(
            [f"{value}" for value in predictions], [[f"{value}"] for value in answers]
        )
        rows.append(
            dict(block=0, row=arm, model="tiny", stage="wiki", policy=arm, task="sts-b")
            | dict(pretraining_seed=0, seed=seed)
            | dict(split="test", metric="spearman", signature="…", examples=60)
            | dict(score=spearmanr(predictions, answers).statistic)
            | dict(learning_rate=1e-5, learning_rates=[1e-5])
            | dict(example_statistics=statistics.ravel())
        )
    write_table(tmp_path / "runs.arrow", pa.Table.from_pylist(rows, schema=RUNS_SCHEMA))
    compute_significance(tmp_path / "runs.arrow", tmp_path / "significance.json")
    ((column,),) = (
        block.columns for block in Significance.read(tmp_path / "significance.json").blocks
    )
    assert (column.best, column.metric, column.examples) == ("a", "spearman", 60)
    assert [arm.mean for arm in column.arms][2] < 0.2
    assert column.comparison("c", "a").p_examples < 0.001 < column.comparison("b", "a").p_examples


def test_another_file_is_named(tmp_path):
    write_table(tmp_path / "runs.arrow", pa.table({"x": [1]}))
    with pytest.raises(ArtefactError, match=r"runs\.arrow is not a table of runs"):
        compute_significance(tmp_path / "runs.arrow", tmp_path / "out.json")


def test_arms_are_compared_within_their_block_alone(significance):
    large = {f"{arm} of large": [score + 0.4 for score in ARMS[arm]] for arm in ("none", "rand")}
    result = significance({"qa": ARMS | large, "nq": ARMS | large})
    assert [block.model for block in result.blocks] == ["tiny", "large"]
    tiny, of_large = (block.columns[0] for block in result.blocks)
    assert tiny == significance({"qa": ARMS}).blocks[0].columns[0], "as without the other"
    assert of_large.best == "rand"
    assert {(c.arm, c.other) for c in of_large.comparisons} == {("none", "rand"), ("rand", "none")}
    assert [arm.shade for arm in of_large.arms] == ["none", "dark"]


def test_an_arm_of_another_stage_is_tested_with_the_others_and_with_its_own(significance):
    longer = {
        "ssm after long": [0.31, 0.35, 0.33],
        "ssm@control after long": [0.2, 0.22, 0.21],
    }
    column = significance({"qa": ARMS | longer}).blocks[0].columns[0]
    assert column.best == "ssm after long"
    assert column.comparison("ssm", "ssm after long") is not None
    assert column.comparison("ssm after long", "none") is not None, "there is no other"
    assert column.comparison("ssm after long", "ssm@control after long") is not None
    assert column.comparison("ssm after long", "ssm@control") is None
    assert {(arm.arm, arm.policy, arm.stage) for arm in column.arms} >= {
        ("ssm", "ssm", "wiki"),
        ("ssm after long", "ssm", "long"),
    }
    none = {"none after long": [0.1, 0.11, 0.13]}
    column = significance({"qa": ARMS | longer | none}).blocks[0].columns[0]
    assert column.comparison("ssm after long", "none after long") is not None
    assert column.comparison("ssm after long", "none") is None
    assert column.comparison("ssm", "none after long") is None


def test_chosen_baselines_are_compared_with_beside_the_standing_ones(significance):
    standing = significance({"qa": ARMS}).blocks[0].columns[0]
    result = significance({"qa": ARMS}, baselines=["rand", "absent"])
    column = result.blocks[0].columns[0]
    named = [{(c.arm, c.other) for c in some.comparisons} for some in (column, standing)]
    assert named[0] - named[1] == {(arm, "rand") for arm in ("none", "ssm", "ssm@control")}
    assert column.comparison("ssm", "rand").p == ttest_rel(ARMS["ssm"], ARMS["rand"]).pvalue
    assert result.baselines == ("rand", "absent")


def test_the_average_is_of_each_run_over_tasks(significance):
    nq = {
        arm: [score / 2 + 0.1 * (seed == 1) for seed, score in enumerate(scores)]
        for arm, scores in ARMS.items()
    }
    qa, _, average = significance({"qa": ARMS, "nq": nq}, average=True).blocks[0].columns
    assert (average.title, average.label, average.examples) == ("average", "mean", 0)
    assert average.signature == "mean|qa:exact_match|nq:exact_match"
    means = {arm: (np.array(ARMS[arm]) + nq[arm]) / 2 for arm in ARMS}
    for arm in average.arms:
        assert arm.scores == pytest.approx(means[arm.arm])
        assert arm.mean == pytest.approx(means[arm.arm].mean())
        assert arm.std == pytest.approx(means[arm.arm].std(ddof=1))
    assert average.best == "ssm"
    for comparison in average.comparisons:
        paired = ttest_rel(means[comparison.arm], means[comparison.other])
        assert comparison.p == pytest.approx(paired.pvalue)
        assert comparison.p_examples is None
    assert qa == significance({"qa": ARMS, "nq": nq}).blocks[0].columns[0]


def test_stars_are_against_one_arm(significance):
    result = significance({"qa": ARMS}, starred="ssm@control")
    of_arms = {arm.arm: arm.anova for arm in result.blocks[0].columns[0].arms}
    assert of_arms["ssm@control"] is None
    for arm, stars in {"none": "", "rand": "*", "ssm": "**"}.items():
        assert of_arms[arm].p == f_oneway(ARMS[arm], ARMS["ssm@control"]).pvalue
        assert of_arms[arm].stars == stars
    unasked = significance({"qa": ARMS}).blocks[0].columns[0]
    assert {arm.anova for arm in unasked.arms} == {None}


def test_clusters_widen_what_is_said_of_examples_and_leave_the_rest(significance):
    alone = significance({"qa": ARMS}).blocks[0].columns[0]
    together = significance({"qa": ARMS}, clusters={"qa": 10}).blocks[0].columns[0]
    assert (alone.clusters, together.clusters) == (None, 10)
    one, other = (column.comparison("ssm", "none") for column in (alone, together))
    assert (one.p, one.p_examples, one.interval) == (other.p, other.p_examples, other.interval)
    assert one.p_clusters is None
    assert other.p_clusters > 10 * other.p_examples
    assert other.bootstrap.error > 1.5 * one.bootstrap.error
    assert (other.bootstrap.clusters, one.bootstrap.clusters) == (10, 100)


def test_comparisons_of_a_column_are_corrected_together(significance):
    column = significance({"qa": ARMS}).blocks[0].columns[0]
    pairs = {frozenset((c.arm, c.other)): c for c in column.comparisons}
    least = min(column.comparisons, key=lambda c: c.p)
    assert len(pairs) == 5
    assert least.p_holm == pytest.approx(5 * least.p)
    assert {c.p_holm for c in column.comparisons if {c.arm, c.other} == {"ssm", "none"}} == {
        column.comparison("ssm", "none").p_holm
    }


def test_dunnett_is_against_none_and_the_baselines(significance):
    column = significance({"qa": ARMS}, baselines=["rand"]).blocks[0].columns[0]
    tested = {(c.arm, c.other) for c in column.comparisons if c.p_dunnett is not None}
    assert tested == {
        *((arm, "none") for arm in ("rand", "ssm", "ssm@control")),
        *((arm, "rand") for arm in ("none", "ssm", "ssm@control")),
    }
    others = [np.array(ARMS[arm]) for arm in ("rand", "ssm", "ssm@control")]
    expected = dunnett(*others, control=np.array(ARMS["none"])).pvalue
    found = [column.comparison(a, "none").p_dunnett for a in ("rand", "ssm", "ssm@control")]
    assert found == pytest.approx(list(expected), rel=0.02, abs=1e-4)


def test_equivalence_is_tested_with_a_margin_alone(significance):
    plain = significance({"qa": ARMS})
    assert plain.margin is None
    assert {c.equivalence for c in plain.blocks[0].columns[0].comparisons} == {None}
    asked = significance({"qa": ARMS}, margin=0.5)
    assert asked.margin == 0.5
    assert asked.blocks[0].columns[0].comparison("rand", "ssm").outcome == "equivalent"


def test_pre_training_seeds_are_what_is_drawn_where_there_are_several(significance, tmp_path):
    one = significance({"qa": ARMS}).blocks[0].columns[0].comparison("ssm", "none")
    assert (one.bootstrap.seeds, one.bootstrap.number) == ("fine-tuning seeds", 3)
    runs = read_table(tmp_path / "runs.arrow").to_pylist()
    runs += [run | {"pretraining_seed": 1} for run in runs]
    write_table(tmp_path / "runs.arrow", pa.Table.from_pylist(runs, schema=RUNS_SCHEMA))
    compute_significance(tmp_path / "runs.arrow", tmp_path / "out.json")
    column = Significance.read(tmp_path / "out.json").blocks[0].columns[0]
    found = column.comparison("ssm", "none").bootstrap
    assert (found.seeds, found.number) == ("pre-training seeds", 2)


def test_several_tasks_are_told_over_all_of_them(significance):
    nq = {arm: [score / 2 for score in scores] for arm, scores in ARMS.items()}
    block = significance({"qa": ARMS, "nq": nq}, baselines=["rand"], average=True).blocks[0]
    over = {arm.arm: arm for arm in block.over_tasks}
    assert list(over) == list(ARMS)
    scores = np.array([ARMS["ssm"], nq["ssm"]]).T
    assert over["ssm"].interquartile_mean.estimate == pytest.approx(trim_mean(scores, 0.25, None))
    assert set(over["ssm"].improves_on) == {"none", "ssm@control", "rand"}
    assert over["ssm"].improves_on["none"].estimate == 1
    assert set(over["none"].improves_on) == {"rand"}
    average = block.columns[-1].comparison("ssm", "none")
    assert average.p_examples is None
    assert average.bootstrap.interval[0] > 0
    assert average.bootstrap.clusters == 100
    assert significance({"qa": ARMS}).blocks[0].over_tasks == ()
    one_run = {arm: scores[:1] for arm, scores in ARMS.items()}
    assert significance({"qa": one_run, "nq": one_run}).blocks[0].over_tasks == ()


def test_the_average_has_examples_of_the_task_with_the_fewest_clusters(significance):
    """Of one cluster nothing is known of others, however many tasks have one."""

    def bootstrap(**clusters):
        tasks = dict.fromkeys(("qa", "nq", "tqa"), ARMS)
        (block,) = significance(tasks, clusters=clusters, average=True).blocks
        return block.columns[-1].comparison("ssm", "none").bootstrap

    assert bootstrap(qa=100, nq=100, tqa=100) is None
    assert bootstrap(qa=100) is None
    some = bootstrap(qa=10, nq=5)
    assert some.clusters == 10
    assert some.error > bootstrap().error
    assert bootstrap().clusters == 100
    alone = significance({"qa": ARMS}).blocks[0].columns[0].comparison("ssm", "none").bootstrap
    # Tasks have no examples in common, so that three of them say more.
    assert bootstrap().examples_error == pytest.approx(alone.examples_error / 3**0.5, rel=0.05)


SIX = {
    "none": [0.07, 0.09, 0.16, 0.12, 0.03, 0.05],
    "rand": [0.24, 0.31, 0.26, 0.20, 0.22, 0.28],
    "ssm": [0.28, 0.29, 0.30, 0.41, 0.19, 0.30],
}
PRETRAINED = (1, 1, 0, 0, 2, 2)


def test_of_a_task_with_several_metrics_the_first_counts_over_tasks(significance):
    nq = {arm: [score / 2 for score in scores] for arm, scores in ARMS.items()}
    high = {arm: [0.9, 0.8, 0.7] for arm in ARMS}
    alone = significance({"qa": ARMS, "nq": nq}, average=True).blocks[0]
    tasks = {"qa": ARMS, "qa token_f1": high, "nq": nq, "nq token_f1": high}
    several = significance(tasks, average=True).blocks[0]
    assert len(several.columns) == 5
    assert several.over_tasks == alone.over_tasks
    assert several.columns[-1] == alone.columns[-1]


def test_dunnett_leaves_out_what_is_compared_with_an_arm_for_being_the_best(significance):
    arms = {
        "none": [0.37, 0.48, 0.36],
        "ssm": [0.28, 0.29, 0.30],
        "none after longer": [0.07, 0.08, 0.06],
        "ssm after longer": [0.17, 0.18, 0.26],
    }
    column = significance({"qa": arms}).blocks[0].columns[0]
    assert column.best == "none"
    against_best = column.comparison("ssm after longer", "none")
    assert against_best.p is not None and against_best.p_dunnett is None
    tested = {(c.arm, c.other) for c in column.comparisons if c.p_dunnett is not None}
    assert tested == {("ssm", "none"), ("ssm after longer", "none after longer")}


def by_seed(scores):
    """The mean of each pre-training seed, in the order of the seeds."""
    return np.array([np.mean(np.array(scores)[np.equal(PRETRAINED, seed)]) for seed in (0, 1, 2)])


def test_what_is_said_of_many_arms_and_tasks_averages_runs_of_a_pre_training_seed(significance):
    nq = {
        arm: [round(score / 2 + 0.03 * (seed % 2), 2) for seed, score in enumerate(scores)]
        for arm, scores in SIX.items()
    }
    tasks = {"qa": SIX, "nq": nq}
    (block,) = significance(tasks, pretraining=PRETRAINED, average=True, margin=0.5).blocks
    qa, _, average = block.columns

    others = [by_seed(SIX[arm]) for arm in ("rand", "ssm")]
    expected = dunnett(*others, control=by_seed(SIX["none"]), rng=np.random.default_rng(0)).pvalue
    found = [qa.comparison(arm, "none").p_dunnett for arm in ("rand", "ssm")]
    assert found == pytest.approx(list(expected))

    of_tasks = {arm: np.stack([by_seed(of[arm]) for of in (SIX, nq)], axis=1) for arm in SIX}
    for arm in block.over_tasks:
        assert arm.interquartile_mean == interquartile_mean(of_tasks[arm.arm])
        for other, chance in arm.improves_on.items():
            assert chance == probability_of_improvement(of_tasks[arm.arm], of_tasks[other])
    assert len(block.over_tasks) == 3

    mean = {arm: (np.array(SIX[arm]) + nq[arm]) / 2 for arm in SIX}
    of_average = average.comparison("ssm", "none")
    assert of_average.p == pytest.approx(ttest_rel(mean["ssm"], mean["none"]).pvalue)
    averaged = ttest_rel(by_seed(mean["ssm"]), by_seed(mean["none"])).pvalue
    assert of_average.p_seeds == pytest.approx(averaged)
    assert (of_average.bootstrap.seeds, of_average.bootstrap.number) == ("pre-training seeds", 3)
    assert of_average.equivalence.margin == 0.5
    expected = dunnett(
        *(by_seed(mean[arm]) for arm in ("rand", "ssm")),
        control=by_seed(mean["none"]),
        rng=np.random.default_rng(0),
    ).pvalue
    found = [average.comparison(arm, "none").p_dunnett for arm in ("rand", "ssm")]
    assert found == pytest.approx(list(expected))
