from io import StringIO

import pytest
from rich.console import Console

from maskpolicy.reporting.description import print_description

COLUMNS = ("sources", "yields", "what it is", "licence", "citation")
ROW = (
    "a-long-name",
    "documents",
    "Some words that say what it is.",
    "see http://a.example/b/c",
    "",
)


def printed(columns, rows, width) -> str:
    console = Console(file=StringIO(), width=width)
    print_description(columns, rows, console)
    return console.file.getvalue()


def test_names_stay_whole_and_lines_are_wrapped():
    rows = [("a-long-name", "documents", "Some words that say what it is."), ("b", "[x]", "B.")]
    shown = printed(COLUMNS[:3], rows, 40)
    assert "a-long-name" in shown and "[x]" in shown
    assert shown.split()[0] == "sources"
    assert max(map(len, shown.splitlines())) <= 40


def test_columns_that_do_not_fit_stand_below_each_other():
    shown = printed(COLUMNS, [ROW, ("b", "c", "D.", "own", "A. 2020")], 80)
    assert "licence: see http://a.example/b/c" in shown and "citation: A. 2020" in shown
    assert shown.count("citation") == 1  # of the first there is none
    assert shown.splitlines()[0].split() == ["sources", "yields", "what", "it", "is"]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_nothing_is_cut_off(width):
    shown = "".join(printed(COLUMNS, [ROW], width).split())
    assert "…" not in shown and "http://a.example/b/c" in shown


def test_a_wide_terminal_has_all_columns():
    head = printed(COLUMNS, [ROW], 160).splitlines()[0]
    assert head.split() == ["sources", "yields", "what", "it", "is", "licence", "citation"]
