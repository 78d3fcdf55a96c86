"""What policies need, and which records are refused."""

import subprocess
import sys
from typing import get_args

import pytest
from pydantic import ValidationError
from support.heuristic_cases import SPECS, spec_of

from maskpolicy.corpora.shards import PARTS_OF_SPEECH
from maskpolicy.corpora.statistics.registry import STATISTICS
from maskpolicy.errors import InputError
from maskpolicy.policies import specs
from maskpolicy.policies.registry import (
    annotations_needed,
    build_policy,
    inserts_masks,
    statistics_needed,
)


def test_what_policies_need():
    annotated = {name for name, spec in SPECS.items() if annotations_needed(spec)}
    assert annotated == {"ssm", "ssm-all", "pos", "mixture"}
    needed = {name: statistics_needed(spec) for name, spec in SPECS.items()}
    assert {name: needs for name, needs in needed.items() if needs} == {
        "pmi": ("collocations",),
        "informative": ("cooccurrence",),
        "idf": ("word-frequencies",),
        "mixture": ("collocations",),
    }
    assert set().union(*needed.values()) == set(STATISTICS)


def test_which_policies_insert_is_known_before_they_are_built(statistics):
    for name, spec in SPECS.items():
        assert build_policy(spec, statistics).inserts == inserts_masks(spec), name


def test_missing_statistics_are_an_error_of_the_user():
    with pytest.raises(InputError, match="collocations"):
        build_policy(SPECS["mixture"])


def test_parts_of_speech_are_those_of_the_annotations():
    assert get_args(specs.PartOfSpeech) == PARTS_OF_SPEECH


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"kind": "rand", "rate": 1.5}, "rate"),
        ({"kind": "fully-explored", "masks": 4, "rate": 0.3}, "over 1"),
        ({"kind": "pos", "weights": {}}, "weights"),
        ({"kind": "pos", "weights": {"NOUNS": 1}}, "NOUNS"),
        ({"kind": "pos", "weights": {"NOUN": 0}}, "greater than 0"),
        ({"kind": "span", "lengths": {"distribution": "geometric", "mean": 3}}, "mean"),
        ({"kind": "mixture", "components": []}, "components"),
        ({"kind": "gap-sentence"}, "gap-sentences"),
    ],
)
def test_wrong_records_are_refused_by_name(record, message):
    with pytest.raises(ValidationError, match=message):
        spec_of(record)


def test_mixtures_nest():
    inner = {"kind": "mixture", "components": [{"weight": 1, "policy": {"kind": "rand"}}] * 2}
    outer = spec_of({"kind": "mixture", "components": [{"weight": 0.5, "policy": inner}] * 2})
    assert outer.components[0].policy.components[1].policy.kind == "rand"


def test_reading_a_configuration_loads_nothing_heavy():
    code = (
        "import sys; import maskpolicy.study.loading, maskpolicy.policies.registry;"
        "print(*(m for m in ('numba', 'numpy', 'pyarrow', 'torch') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
