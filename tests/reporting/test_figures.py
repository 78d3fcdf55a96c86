from xml.etree import ElementTree

import pytest

from maskpolicy.reporting.figures import draw_scores
from maskpolicy.statistics.significance import Significance
from maskpolicy.tasks.majority import Majority


@pytest.fixture
def significance(render, tmp_path):
    render(tasks=("qa", "nq"))
    return Significance.read(tmp_path / "significance.json")


@pytest.fixture
def majorities():
    return {
        task: Majority(task=task, answer="yes", share=0.5, metrics={"exact_match": 0.1})
        for task in ("qa", "nq", *"abcdef")
    }


def test_the_picture_names_every_arm_and_column(significance, majorities):
    svg, png = draw_scores(significance, majorities)
    texts = {"".join(node.itertext()).strip() for node in ElementTree.fromstring(svg).iter()}
    assert {"none", "rand", "ssm", "ssm@control", "orig_infill<30>"} <= texts
    assert {"qa EM (×100)", "nq EM (×100)"} <= texts
    assert png.startswith(b"\x89PNG")


def test_the_picture_holds_no_date(significance, majorities):
    svg, _ = draw_scores(significance, majorities)
    assert "dc:date" not in svg
    assert draw_scores(significance, majorities)[0] == svg


def test_many_columns_stand_in_rows_of_three(significance, majorities):
    def width(columns):
        of_tasks = [significance.columns[0].model_copy(update={"task": t}) for t in columns]
        svg, _ = draw_scores(significance.model_copy(update={"columns": of_tasks}), majorities)
        return float(ElementTree.fromstring(svg).get("width").removesuffix("pt"))

    # Its text is 9 points: a page of 720 points shows it, shrunk to fit, at 9 or nearly so.
    assert width("abc") == width("abcdef") <= 720
