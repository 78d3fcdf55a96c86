"""`maskpolicy compare` on files of predictions and of scores."""

import json
import random
from io import StringIO

import pytest
from rich.console import Console
from typer.testing import CliRunner

from maskpolicy import cli
from maskpolicy.errors import InputError
from maskpolicy.reporting.given import print_comparison
from maskpolicy.statistics.given import GivenComparison, arms_of, compare_files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three runs of three arms, of which `new` is better and `same` is not."""
    monkeypatch.chdir(tmp_path)
    draw = random.Random(0)
    for arm, chance in (("base", 0.4), ("new", 0.7), ("same", 0.4)):
        for run in range(3):
            rows = [
                {
                    "id": f"q{i}",
                    "prediction": "yes" if draw.random() < chance else "no",
                    "answers": ["yes"],
                    "page": f"p{i // 3}",
                    "score": float(draw.random() < chance),
                }
                for i in range(150)
            ]
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (tmp_path / f"{arm}{run}.jsonl").write_text(text)
    return tmp_path


def files(**runs):
    return [f"{arm}={arm}{run}.jsonl" for arm, some in runs.items() for run in some]


def run(*arguments):
    done = CliRunner().invoke(cli.app, ["compare", *arguments])
    if isinstance(done.exception, InputError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


EM = ("--metric", "exact_match")
ALL = files(base=range(3), new=range(3), same=range(3))


def test_a_table_and_sentences(folder):
    output = run(*ALL, *EM, "--cluster", "page", "--margin", "1", "--aso")
    lines = output.splitlines()
    row = next(line for line in lines if line.startswith("| new"))
    assert [cell.strip() for cell in row.split("|")][2] == "3"
    assert any(line.startswith("new is higher than base (+") for line in lines)
    assert any(line.startswith("Undecided: same against base") for line in lines)
    assert "nor are they shown to be equivalent within ±1.00 points" in output
    assert "on 150 examples in 50 clusters" in output
    beside = next(line for line in lines if line.startswith("All against base (Dunnett: unpaired"))
    assert "no verdict rests on it): new p < .001, same p = " in beside
    assert "new is almost stochastically above base (eps_min .0" in output
    assert "p (clusters)" in output
    assert "can't go below p = .25" in output


def test_the_record_as_json(folder):
    found = GivenComparison.model_validate_json(run(*ALL, *EM, "--json"))
    again = compare_files(arms_of(ALL), metric="exact_match")
    assert found == again
    assert [arm.arm for arm in found.arms] == ["base", "new", "same"]
    assert [(each.arm, each.other) for each in found.comparisons] == [
        *(("new", "base"), ("same", "base")),
    ]
    assert found.comparisons[0].p_holm == pytest.approx(2 * found.comparisons[0].p)
    assert found.comparisons[0].outcome == "higher"
    assert (found.clusters, found.margin, found.points) == (None, None, False)


def test_one_file_of_each(folder):
    output = run("base0.jsonl", "new0.jsonl", *EM)
    assert "new0 is higher than base0 (+" in output
    assert "One run of each arm: other seeds may say otherwise." in output
    assert "--cluster" in output
    assert "sign-flip" not in output


def test_arms_of_different_numbers_of_runs_are_no_pairs(folder):
    output = run(*files(base=range(3), new=range(2)), *EM)
    assert "Runs are no pairs: p (runs) is that of Welch's t-test. Runs: base 3, new 2." in output
    output = run(*files(base=range(3), new=range(2), same=range(3)), *EM)
    assert "Where arms have as many runs they are pairs; else p (runs)" in output
    assert "Runs are no pairs" in run(*ALL, *EM, "--unpaired")


def test_the_same_predictions(folder):
    (folder / "copy.jsonl").write_text((folder / "base0.jsonl").read_text())
    output = run("base0.jsonl", "copy.jsonl", *EM)
    assert "copy and base0: every example counts the same for both in every run" in output
    # Of two runs there is nothing to say that they are one.
    assert "counts the same" not in run("a=base0.jsonl", "b=copy.jsonl", "b=base1.jsonl", *EM)


def test_a_run_that_is_alone_is_named(folder):
    output = run(*files(base=[0], new=range(3)), *EM)
    assert "Interval: 95 %, over new examples (multi" in output
    assert "One run of base: other seeds may say otherwise" in output
    mixed = run(*files(base=range(3), new=range(2), same=[1]), *EM)
    assert "over new runs and new examples" in mixed
    assert "One run of same: other" in mixed


def test_a_constant_difference_is_decided_by_examples_and_said(folder, tmp_path):
    for arm, right in (("u", 80), ("v", 60)):
        for number in range(3):
            lines = (f'{{"id": {i}, "score": {int(i < right + number)}}}\n' for i in range(100))
            (tmp_path / f"{arm}{number}.jsonl").write_text("".join(lines))
    output = run(*files(u=range(3), v=range(3)))
    assert "v is lower than u (−20.00): p < .05 over examples" in output
    assert "v against u: the difference is the same with every seed" in output


def test_stochastic_order_needs_two_runs_of_both_arms(folder):
    for arms in (files(base=[0], new=range(3)), files(base=range(3), new=[0])):
        output = run(*arms, *EM, "--aso")
        assert "stochastically" not in output


def test_one_cluster_is_refused(folder, tmp_path):
    for name in "ab":
        lines = (f'{{"id": {i}, "score": {i % 2}, "page": "x"}}\n' for i in range(4))
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    with pytest.raises(InputError, match="--cluster page: all 4 examples are of one cluster"):
        run("a.jsonl", "b.jsonl", "--cluster", "page")


def test_scores_without_a_metric(folder):
    output = run(*files(base=range(3), new=range(3)))
    assert "Scores ×100 by mean on 150 examples." in output
    assert "new is higher than base" in output


def test_points_are_shown_as_they_are_given(folder, tmp_path):
    for name, scores in (("a", (30, 50, 70)), ("b", (31, 52, 75))):
        lines = (f'{{"id": {i}, "score": {score}}}\n' for i, score in enumerate(scores))
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    output = run("a.jsonl", "b.jsonl")
    assert "| 50.00 |" in output
    assert "given in points" in output


def test_arms_are_named_by_their_files():
    assert arms_of(["x/a.csv", "b.csv"]).keys() == {"a", "b"}
    assert arms_of(["a=x.csv", "a.csv"]).keys() == {"a", "a.csv"}
    assert arms_of(["x/a.csv", "y/a.csv"]).keys() == {"x/a.csv", "y/a.csv"}
    assert {arm: len(some) for arm, some in arms_of(["n=1", "n=2", "m=3"]).items()} == {
        **{"n": 2, "m": 1}
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["base0.jsonl"], "two arms at least"),
        (["a=base0.jsonl", "a=base1.jsonl"], "two arms at least"),
        (["base0.jsonl", "base0.jsonl"], "base0.jsonl is given twice"),
        (["base0.jsonl", "no.jsonl"], "no.jsonl: there is no such file"),
        (["base0.jsonl", "new0.jsonl", "--margin", "inf"], "--margin inf: it must be a number"),
        (["base0.jsonl", "new0.jsonl", "--metric", "em"], "--metric em: unknown; known: exact_"),
    ],
)
def test_mistakes_are_one_line(folder, arguments, said):
    with pytest.raises(InputError, match=said):
        run(*arguments)


def test_names_are_printed_as_they_are(folder):
    found = compare_files(
        {"[red]": arms_of(ALL)["base"], "b": arms_of(ALL)["new"]}, metric="exact_match"
    )
    printed = Console(file=StringIO(), width=80, highlight=False)
    print_comparison(found, printed)
    assert "| [red] |" in printed.file.getvalue()
    assert "b is higher than [red]" in printed.file.getvalue()
