from xml.etree import ElementTree

import pytest

from maskpolicy.reporting.figures import draw_scores
from maskpolicy.statistics.significance import Significance


@pytest.fixture
def significance(render, tmp_path):
    render(tasks=("qa", "nq"))
    return Significance.read(tmp_path / "significance.json")


def test_the_picture_names_every_arm_and_column(significance):
    svg, png = draw_scores(significance)
    texts = {"".join(node.itertext()).strip() for node in ElementTree.fromstring(svg).iter()}
    assert {"none", "rand", "ssm", "ssm@control", "orig_infill<30>"} <= texts
    assert {"qa EM (×100)", "nq EM (×100)"} <= texts
    assert png.startswith(b"\x89PNG")


def test_the_picture_holds_no_date(significance):
    svg, _ = draw_scores(significance)
    assert "dc:date" not in svg
    assert draw_scores(significance)[0] == svg
