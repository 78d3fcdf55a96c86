from xml.etree import ElementTree

import pytest

from maskpolicy.reporting.figures import draw_scores
from maskpolicy.reporting.view import ResultTable, TableView


@pytest.fixture
def view(render):
    return TableView(ResultTable.read(render(tasks=("qa", "nq")) / "main.json"))


def test_the_picture_names_every_arm_and_column(view):
    svg, png = draw_scores(view)
    texts = {"".join(node.itertext()).strip() for node in ElementTree.fromstring(svg).iter()}
    assert {"none", "rand", "ssm", "ssm@control", "orig_infill<30>"} <= texts
    assert {"qa EM (×100)", "nq EM (×100)"} <= texts
    assert png.startswith(b"\x89PNG")


def test_the_picture_holds_no_date(view):
    svg, _ = draw_scores(view)
    assert "dc:date" not in svg
    assert draw_scores(view)[0] == svg


def test_many_columns_stand_in_rows_of_three(render):
    def width(tasks):
        view = TableView(ResultTable.read(render(tasks=tasks) / "main.json"))
        svg, _ = draw_scores(view)
        return float(ElementTree.fromstring(svg).get("width").removesuffix("pt"))

    # Its text is 9 points: a page of 720 points shows it, shrunk to fit, at 9 or nearly so.
    assert width("abc") == width("abcdef") <= 720


def test_blocks_stand_below_each_other_under_their_headings(render):
    arms = {"none": (2, 3), "ssm": (9, 11)}
    folder = render(blocks={"base": arms, "large": arms}, labels={"ssm": "+SSM"})
    svg, _ = draw_scores(TableView(ResultTable.read(folder / "main.json")))
    texts = ["".join(node.itertext()).strip() for node in ElementTree.fromstring(svg).iter()]
    seen = [text for text in texts if text in ("base", "large", "none", "+SSM", "ssm")]
    assert list(dict.fromkeys(seen)) == ["base", "none", "+SSM", "large"]
    leaves = [node.text for node in ElementTree.fromstring(svg).iter() if node.text]
    assert leaves.count("+SSM") == leaves.count("none") == 2


def test_long_labels_leave_the_panels_room(render):
    long = "+MaskFirst, of which the label is as long as a line of a page, and longer"
    folder = render(tasks=("qa", "nq"), labels={"rand": long})
    svg, _ = draw_scores(TableView(ResultTable.read(folder / "main.json")))
    root = ElementTree.fromstring(svg)
    texts = {"".join(node.itertext()).strip() for node in root.iter()}
    assert long not in texts and "+MaskFirst, of which the label is" in texts
    assert float(root.get("width").removesuffix("pt")) <= 720
