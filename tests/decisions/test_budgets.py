import json

import numpy as np
import pytest

from maskpolicy.artefacts import write_manifest
from maskpolicy.decisions.base import Decisions
from maskpolicy.decisions.budgets import Budget, BudgetCount, read_budgets
from maskpolicy.errors import ArtefactError

MANIFEST = {
    "policy": "ssm",
    "rows": 10,
    "dropped_rows": 2,
    "tokens": 400,
    "masked_tokens": 24,
    "spans": 8,
    "insertions": 4,
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
    assert ssm.insertions_per_row == 0.5
    assert ssm.dropped == 0.2


def test_an_empty_budget_is_zero(write):
    budget = read_budgets([write("0", **dict.fromkeys(Budget.model_fields, 0))])["ssm"]
    assert (budget.rate, budget.masked_per_row, budget.mean_span, budget.dropped) == (0, 0, 0, 0)


def test_the_masking_stage_writes_such_manifests(tmp_path):
    count = BudgetCount()
    mask = np.array([True, True, False, False, False, False])
    insertions = np.array([False, False, False, True, False, False])
    count.add(np.array([0, 4, 6], np.int32), Decisions(mask, insertions))
    write_manifest(tmp_path / "shard-0.json", [], policy="orig", **count.facts())
    assert read_budgets([tmp_path / "shard-0.json"]) == {
        "orig": Budget(rows=2, dropped_rows=1, tokens=6, masked_tokens=2, spans=1, insertions=1)
    }


def test_other_files_are_named(tmp_path):
    (tmp_path / "x.json").write_text('{"rows": 3}')
    with pytest.raises(ArtefactError, match=r"x\.json is not a manifest of masks: 'dropped_rows'"):
        read_budgets([tmp_path / "x.json"])
