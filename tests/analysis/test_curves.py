"""Curves of scores by steps: golden values, and what is no curve."""

import pytest
from support.scored_study import START, STEPS, STUDY, make_study

from maskpolicy.analysis.curves import curves_of, read_curves
from maskpolicy.errors import ArtefactError


def test_curves_begin_where_the_arm_without_pretraining_is():
    curves = curves_of(make_study(), START, STEPS)
    assert list(curves.arms) == list(STUDY)
    for arm, means in STUDY.items():
        later = {} if arm == "none" else {2400: means[0], 3000: means[1]}
        points = curves.arms[arm]
        assert {point.step: round(point.summary.mean, 9) for point in points} == {2000: 0.5} | later
        assert all(len(point.scores) == 2 for point in points)
        # The t interval of two runs: their standard deviation is √2 / 100, t is 12.706.
        assert points[-1].summary.interval[1] - points[-1].summary.mean == pytest.approx(
            0.12706, abs=1e-5
        )


def test_without_that_arm_curves_begin_at_the_first_kept_step():
    curves = curves_of([run for run in make_study() if run.policy != "none"], 0, STEPS)
    assert [point.step for point in curves.arms["rand"]] == [400, STEPS]


def test_points_hold_the_scores_of_runs_in_the_order_of_their_seeds():
    curves = curves_of(make_study()[::-1], START, STEPS)
    assert curves.arms["rand"][-1].scores == pytest.approx((0.59, 0.61))


def test_an_arm_with_other_runs_is_named():
    *runs, last = make_study()
    with pytest.raises(ArtefactError, match="mr: ssm@control has other runs after 3000 steps"):
        curves_of(runs, START, STEPS)
    assert last.seed == 1


HEADER = "task,metric,arm,total_steps,mean,low,high,runs,scores\n"


@pytest.mark.parametrize(
    "content",
    [
        None,
        "task,metric\nmr,accuracy\n",
        f"{HEADER}mr,accuracy,rand,many,0.5,,,1,0.5\n",
        f"{HEADER}mr,accuracy,rand,400,0.5,,,1\n",
    ],
)
def test_a_file_that_holds_no_curves_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "curves.csv").write_text(content)
    with pytest.raises(ArtefactError, match=r"curves\.csv"):
        read_curves(tmp_path / "curves.csv")
