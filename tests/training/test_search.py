"""The result of a search: the best rate on dev, the smaller one of equals."""

from maskpolicy.artefacts import read_json
from maskpolicy.training.search import write_only_rate, write_search


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
