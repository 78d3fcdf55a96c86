"""The result of a search: the best rate on dev, the smaller one of equals."""

from maskpolicy.artefacts import read_json
from maskpolicy.evaluation.search import Search, write_only_rate, write_search


def test_the_best_rate_is_written_with_all_scores(tmp_path):
    write_search(tmp_path / "search.json", "accuracy", {3e-5: 0.7, 1e-5: 0.7, 2e-5: 0.6})
    assert read_json(tmp_path / "search.json") == {
        "learning_rate": 1e-5,
        "metric": "accuracy",
        "dev": [
            {"learning_rate": 1e-5, "accuracy": 0.7},
            {"learning_rate": 2e-5, "accuracy": 0.6},
            {"learning_rate": 3e-5, "accuracy": 0.7},
        ],
    }


def test_a_single_rate_has_no_scores(tmp_path):
    write_only_rate(tmp_path / "search.json", "accuracy", 1e-5)
    assert read_json(tmp_path / "search.json") == {
        "learning_rate": 1e-5,
        "metric": "accuracy",
        "dev": [],
    }


def test_a_choice_is_tied_where_another_rate_did_as_well(tmp_path):
    for scores, tied in (
        ({1e-5: 0.7, 2e-5: 0.6, 3e-5: 0.7}, True),
        ({1e-5: 0.6, 2e-5: 0.6, 3e-5: 0.7}, False),
        ({1e-5: -0.2, 2e-5: -0.2}, True),
    ):
        write_search(tmp_path / "search.json", "accuracy", scores)
        assert Search.read(tmp_path / "search.json").tied == tied
    write_only_rate(tmp_path / "search.json", "accuracy", 1e-5)
    assert not Search.read(tmp_path / "search.json").tied


def test_the_grid_is_what_was_tried(tmp_path):
    write_search(tmp_path / "search.json", "accuracy", {3e-5: 0.7, 1e-5: 0.7, 2e-5: 0.6})
    assert Search.read(tmp_path / "search.json").grid == [1e-5, 2e-5, 3e-5]
    write_only_rate(tmp_path / "search.json", "accuracy", 1e-5)
    assert Search.read(tmp_path / "search.json").grid == [1e-5]
