import json

import pytest

from maskpolicy.artefacts import ArtefactError
from maskpolicy.reporting.budgets import read_budgets

MANIFEST = {
    "policy": "ssm",
    "rows": 10,
    "dropped_rows": 2,
    "tokens": 400,
    "masked_tokens": 24,
    "spans": 8,
    "files": {},
}


@pytest.fixture
def write(tmp_path):
    def write(name, **changes):
        path = tmp_path / name
        path.write_text(json.dumps(MANIFEST | changes))
        return path

    return write


def test_budgets_are_added_up_over_shards(write):
    shards = write("0"), write("1", masked_tokens=16, spans=2), write("2", policy="rand")
    budgets = read_budgets(shards)
    assert set(budgets) == {"ssm", "rand"}
    ssm = budgets["ssm"]
    assert (ssm.rows, ssm.masked_tokens) == (20, 40)
    assert ssm.rate == 40 / 800
    assert ssm.masked_per_row == 40 / 16  # of the rows that were not dropped
    assert ssm.mean_span == 4
    assert ssm.dropped == 0.2


def test_an_empty_budget_is_zero(write):
    empty = dict.fromkeys(["rows", "dropped_rows", "tokens", "masked_tokens", "spans"], 0)
    budget = read_budgets([write("0", **empty)])["ssm"]
    assert (budget.rate, budget.masked_per_row, budget.mean_span, budget.dropped) == (0, 0, 0, 0)


def test_other_files_are_named(tmp_path):
    (tmp_path / "x.json").write_text('{"rows": 3}')
    with pytest.raises(ArtefactError, match=r"x\.json is not a manifest of masks: 'dropped_rows'"):
        read_budgets([tmp_path / "x.json"])
