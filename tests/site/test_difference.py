"""Two studies side by side: keys that differ, and scores that moved."""

import json
from io import StringIO

import pytest
from rich.console import Console
from scipy import stats
from support.site_study import ARMS, right, write_study

from maskpolicy.errors import InputError
from maskpolicy.site.difference import difference, print_difference
from maskpolicy.study.loading import CONFIGURATION


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The study again, with other steps; every run answers three questions more."""
    folder = write_study(tmp_path_factory.mktemp("other"), "other", better=3)
    path = folder / CONFIGURATION
    config = json.loads(path.read_text())
    config["intermediate"]["factbook"]["steps"] = 7
    config["seeds"]["finetuning"] = [0, 1, 2, 3]
    path.write_text(json.dumps(config))
    return folder


def printed(before, after):
    console = Console(file=StringIO(), width=160, highlight=False)
    print_difference(before, after, console)
    return console.file.getvalue()


def test_nothing_differs_from_itself(results):
    found = difference(results, results)
    assert not found.keys and not found.only
    assert len(found.cells) == 2 * len(ARMS) and not any(cell.moved for cell in found.cells)
    assert f"0 of {2 * len(ARMS)} scores have moved, 0 significantly" in printed(results, results)


def test_keys_that_differ(results, other):
    keys = {each.key: (each.before, each.after) for each in difference(results, other).keys}
    assert keys == {
        "intermediate.factbook.steps": ("1400", "7"),
        "seeds.finetuning": ("0, 1, 2", "0, 1, 2, 3"),
    }


def test_scores_that_moved_by_how_much_and_how_surely(results, other):
    found = {(cell.row, cell.column): cell for cell in difference(results, other).cells}
    cell = found["ssm", "factbook-qa EM"]
    runs = [[right("ssm", seed, better) / 8 for seed in range(3)] for better in (0, 3)]
    assert cell.difference == pytest.approx(3 / 8)
    assert cell.p == pytest.approx(stats.ttest_ind(*runs, equal_var=False).pvalue)
    low, high = cell.interval
    assert low < cell.difference < high and cell.significant
    assert "+37.50" in printed(results, other)
    assert f"{2 * len(ARMS)} of {2 * len(ARMS)} scores have moved" in printed(results, other)


def test_a_folder_without_results_is_named(results, tmp_path):
    with pytest.raises(InputError, match="is not a folder of results"):
        difference(results, tmp_path)
