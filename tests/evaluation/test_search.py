"""The search: rates first, then batch sizes; the best on dev, of equals the smaller value."""

import pytest

from maskpolicy.artefacts import read_json
from maskpolicy.errors import Diverged
from maskpolicy.evaluation.search import Grid, Search, Setting, only_setting, search


def searched(scores, grid=None):
    """The result where dev scores are those of the settings' values."""
    grid = grid or Grid(tuple(key[0] for key in scores))
    tried = []

    def dev_score(setting):
        tried.append(setting)
        key = (setting.learning_rate, setting.steps, setting.batch_size)
        score = scores[tuple(value for value in key if value is not None)]
        if score is None:
            raise Diverged(f"{setting.learning_rate}: the loss is nan at step 3")
        return score

    found = search(grid, "accuracy", dev_score)
    return found, tried


def test_the_best_rate_is_written_with_all_scores(tmp_path):
    found, _ = searched({(3e-5,): 0.7, (1e-5,): 0.7, (2e-5,): 0.6})
    found.write(tmp_path / "search.json")
    assert read_json(tmp_path / "search.json") == {
        "learning_rate": 1e-5,
        "metric": "accuracy",
        "dev": [
            {"learning_rate": 1e-5, "accuracy": 0.7},
            {"learning_rate": 2e-5, "accuracy": 0.6},
            {"learning_rate": 3e-5, "accuracy": 0.7},
        ],
    }
    assert Search.read(tmp_path / "search.json") == found


def test_a_single_setting_has_no_scores(tmp_path):
    setting = Grid((1e-5,)).single
    assert setting == Setting(1e-5)
    only_setting(setting, "accuracy").write(tmp_path / "search.json")
    assert read_json(tmp_path / "search.json") == {
        "learning_rate": 1e-5,
        "metric": "accuracy",
        "dev": [],
    }
    found = Search.read(tmp_path / "search.json")
    assert (found.grid, found.tied, found.setting) == ([1e-5], False, setting)


@pytest.mark.parametrize(
    "grid", [Grid((1e-5, 2e-5)), Grid((1e-5,), (10, 20)), Grid((1e-5,), (), (8, 16))]
)
def test_of_several_values_of_anything_there_is_no_single_setting(grid):
    assert grid.single is None and len(grid.every) == 2


@pytest.mark.parametrize(
    ("scores", "tied"),
    [
        ({(1e-5,): 0.7, (2e-5,): 0.6, (3e-5,): 0.7}, True),
        ({(1e-5,): 0.6, (2e-5,): 0.6, (3e-5,): 0.7}, False),
        ({(1e-5,): -0.2, (2e-5,): -0.2}, True),
    ],
)
def test_a_choice_is_tied_where_another_rate_did_as_well(scores, tied):
    assert searched(scores)[0].tied == tied


def test_batch_sizes_are_tried_with_the_best_rate():
    grid = Grid((2e-5, 1e-5), (), (64, 128, 32))
    scores = {(1e-5, 64): 0.5, (2e-5, 64): 0.5, (1e-5, 32): 0.4, (1e-5, 128): 0.6}
    found, tried = searched(scores, grid)
    assert [(s.learning_rate, s.batch_size) for s in tried] == [*scores]
    assert found.setting == Setting(1e-5, batch_size=128)
    assert [tuple(row.values())[:2] for row in found.dev] == [*scores]
    assert found.axes == ["learning_rate", "batch_size"]
    assert (found.grid, found.values("batch_size")) == ([1e-5, 2e-5], [32, 64, 128])
    # The rates tied where they were compared, whatever a batch size added.
    assert found.tied and not found.tied_in("batch_size")


def test_of_batch_sizes_that_do_as_well_the_smallest_is_taken():
    scores = {(1e-5, 64): 0.5, (1e-5, 32): 0.5, (1e-5, 128): 0.5}
    found, _ = searched(scores, Grid((1e-5,), (), (64, 32, 128)))
    assert found.setting.batch_size == 32 and found.tied_in("batch_size") and not found.tied


def test_rates_are_tried_with_all_steps():
    scores = {(1e-5, 10): 0.1, (1e-5, 20): 0.4, (2e-5, 10): 0.4, (2e-5, 20): 0.2}
    found, tried = searched(scores, Grid((2e-5, 1e-5), (20, 10)))
    assert [(s.learning_rate, s.steps) for s in tried] == [*scores]
    assert found.setting == Setting(1e-5, 20)  # the smaller rate, though of more steps
    assert found.tied and found.tied_in("steps")


def test_a_setting_that_diverges_is_the_worst_and_said_to_be(tmp_path, capsys):
    scores = {(1e-5, 64): -0.2, (2e-5, 64): None, (1e-5, 32): None, (1e-5, 128): -0.2}
    found, tried = searched(scores, Grid((1e-5, 2e-5), (), (64, 32, 128)))
    assert len(tried) == 4 and found.setting == Setting(1e-5, batch_size=64)
    found.write(tmp_path / "search.json")
    assert read_json(tmp_path / "search.json")["dev"][1] == {
        "learning_rate": 2e-5,
        "batch_size": 64,
        "diverged": "2e-05: the loss is nan at step 3",
    }
    read = Search.read(tmp_path / "search.json")
    assert read == found and read.grid == [1e-5, 2e-5]
    assert not read.tied and read.tied_in("batch_size")
    told = "2e-05: the loss is nan at step 3; the search goes on without it\n"
    assert told in capsys.readouterr().err


def test_of_settings_that_all_diverge_none_is_chosen():
    with pytest.raises(Diverged, match="2 settings tried, and all diverged: give `learning_rates`"):
        searched({(1e-5,): None, (2e-5,): None})
