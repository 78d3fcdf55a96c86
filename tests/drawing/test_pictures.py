"""What all pictures share: their style, how panels are laid out, and their files."""

import csv

import pytest

from maskpolicy.drawing.palette import CATEGORIES
from maskpolicy.drawing.pictures import (
    LEGEND_BESIDE,
    picture,
    picture_of_panels,
    rendered,
    rendered_svg,
    write_picture,
)
from maskpolicy.text_files import write_rows


def draw():
    with picture(3, 2) as figure:
        axes = figure.subplots()
        axes.plot([1, 2], [3, 4], label="a curve")
        axes.legend()
        return rendered(figure)


def test_the_same_drawing_gives_the_same_bytes_and_no_date():
    svg, png = draw()
    assert (svg, png) == draw()
    assert "dc:date" not in svg
    assert png.startswith(b"\x89PNG")


def test_text_stays_text_and_curves_have_the_colours_of_the_project():
    svg, _ = draw()
    assert ">a curve</text>" in svg
    assert CATEGORIES[0] in svg


def test_the_style_holds_only_while_drawing():
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(("number", "rows", "columns"), [(1, 1, 1), (3, 1, 3), (4, 2, 3)])
def test_panels_have_the_size_that_was_asked_for(number, rows, columns):
    with picture_of_panels(number, 2.0, 1.5, beside=1.0) as (figure, panels):
        assert len(panels) == number == len(figure.axes)
        assert figure.get_size_inches().tolist() == [2 * columns + 1, 1.5 * rows + 0.5]


def test_a_legend_beside_panels_covers_neither_them_nor_the_title():
    with picture_of_panels(1, 3.0, 2.5, beside=1.5) as (figure, panels):
        panels[0].plot([1, 2], [3, 4], label="a curve")
        title = figure.suptitle("A title that is as wide as the whole figure, or nearly so")
        legend = figure.legend(loc=LEGEND_BESIDE)
        rendered_svg(figure)
        box = legend.get_window_extent()
        assert not box.overlaps(panels[0].get_window_extent())
        assert not box.overlaps(title.get_window_extent())


def test_a_picture_comes_with_the_data_that_it_shows(tmp_path):
    rows = [{"arm": "rand, 15 %", "mean": 0.25, "low": None}, {"arm": "ssm", "mean": 1, "low": 0}]
    write_picture(tmp_path, "scores", ("<svg/>", b"png"), rows)
    assert (tmp_path / "scores.svg").read_text() == "<svg/>"
    assert (tmp_path / "scores.png").read_bytes() == b"png"
    with (tmp_path / "scores.csv").open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"arm": "rand, 15 %", "mean": "0.25", "low": ""},
            {"arm": "ssm", "mean": "1", "low": "0"},
        ]


def test_data_without_rows_has_a_header(tmp_path):
    write_rows(tmp_path / "rows.csv", ["task", "arm"], [])
    assert (tmp_path / "rows.csv").read_text() == "task,arm\n"
