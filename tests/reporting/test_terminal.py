from io import StringIO

import pytest
from rich.console import Console

from maskpolicy.errors import ArtefactError
from maskpolicy.reporting.terminal import print_failures, print_table, print_ways_on


@pytest.fixture
def printed(render):
    def printed(colours=False, width=80, **arguments):
        console = Console(file=StringIO(), width=width, force_terminal=colours, highlight=False)
        print_table(render(**arguments) / "main.md", console)
        return console.file.getvalue()

    return printed


def test_the_table_is_printed_as_markdown_with_its_files(printed):
    text = printed(caption="Factbook QA [test]")
    assert "Factbook QA [test]" in text
    lines = [line.rstrip() for line in text.splitlines()]
    assert "| ssm              | **48.33 ± 3.82** | 15.0 % |    3 |" in lines
    assert "| rand             |   43.33 ± 7.64 † | 15.0 % |    3 |" in lines
    assert "Scored on 40 test examples of qa." in lines
    assert "tables: main.md, main.html, main.tex, main.csv, main.comparisons.csv" in text
    assert "\x1b[" not in text


def test_shades_are_colours_on_a_terminal(printed):
    lines = printed(colours=True).splitlines()
    (best,) = [line for line in lines if "**48.33" in line]
    assert "48;2;31;78;121" in best or "48;5;" in best or "\x1b[1;" in best


def test_warnings_are_not_dimmed_as_other_notes_are(printed):
    lines = printed(colours=True, rates={"ssm": 3e-4}, only={"rand": ""}).splitlines()
    for warning in (
        "Learning rate at the edge of the grid: on qa, ssm",
        "Nothing learnt on qa: all",
    ):
        (line,) = [line for line in lines if warning in line]
        assert line.startswith("\x1b[33m")
    (note,) = [line for line in lines if "Scored on" in line]
    assert note.startswith("\x1b[2m")


def test_only_marks_that_a_table_can_have_are_explained(printed):
    assert "\nBold: best mean. †: not significantly worse" in printed()
    one_run = printed(study={"none": (2,), "ssm": (9,)})
    assert "\nBold: best mean.\n" in one_run and "†" not in one_run
    flat = printed(study={"none": (5, 5), "ssm": (5, 5)})
    assert "Bold" not in flat and "†" not in flat and "\n\n" not in flat.partition("arm")[2]


def test_a_narrow_screen_does_not_squeeze_the_columns(printed):
    text = printed(width=20, tasks=("qa", "nq"))
    assert text.count("**48.33 ± 3.82** |") == 2


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"main\.json"):
        print_table(tmp_path / "main.md")


def test_the_ways_on_are_lines_to_copy():
    console = Console(file=StringIO(), width=20, highlight=False)
    ways = [("the table", "results/tables/qa.html"), ("masks", "maskpolicy show-masks a [b] c")]
    print_ways_on(ways, console)
    assert console.file.getvalue().splitlines() == [
        "",
        "the table  results/tables/qa.html",
        "masks      maskpolicy show-masks a [b] c",
    ]


def test_what_failed_is_repeated_with_the_end_of_its_log(tmp_path):
    log = tmp_path / "finetune.log"
    log.write_text("".join(f"line {i}\n" for i in range(100)) + "error: [x] lower the rate\n")
    console = Console(file=StringIO(), width=20, highlight=False)
    print_failures(
        [("Tune qa", [str(log)]), ("Mask", [str(tmp_path / "none.log")]), ("Draw", [])], console
    )
    assert console.file.getvalue().splitlines() == [
        "",
        "Failed: Tune qa",
        *(f"  line {i}" for i in range(96, 100)),
        "  error: [x] lower the rate",
        f"  Its log: {log}",
        "",
        "Failed: Mask",
        "  It left no log of its own.",
        "",
        "Failed: Draw",
    ]


def test_nothing_comes_between_the_lines_of_a_failure(tmp_path):
    class Written(StringIO):
        def __init__(self):
            super().__init__()
            self.pieces = []

        def write(self, text):
            self.pieces.append(text)
            return len(text)

    log = tmp_path / "mask.log"
    log.write_text("a shard is damaged\n")
    console = Console(file=Written(), highlight=False)
    print_failures([("Mask", [str(log)]), ("Draw", [])], console)
    print_ways_on([("the study", "index.html"), ("costs", "costs.svg")], console)
    assert console.file.pieces == [
        f"\nFailed: Mask\n  a shard is damaged\n  Its log: {log}\n",
        "\nFailed: Draw\n",
        "\nthe study  index.html\ncosts      costs.svg\n",
    ]


def test_blocks_are_printed_under_their_headings(printed):
    arms = {"none": (2, 3), "ssm": (9, 11)}
    text = printed(blocks={"base": arms, "large": arms}, asked={"baselines": ("none",)})
    lines = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert lines[1:] == ["*base*", "none", "ssm", "*large*", "none", "ssm", "(majority)"]
