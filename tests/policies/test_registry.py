"""What policies need, and which records are refused."""

import subprocess
import sys
from typing import get_args

import pytest
from pydantic import ValidationError
from support.heuristic_cases import (
    SENTENCE_UNITS,
    SPECS,
    WITHOUT_CHANCE,
    WORD_UNITS,
    spec_of,
)

from maskpolicy.corpora.shards import PARTS_OF_SPEECH
from maskpolicy.corpora.statistics.registry import STATISTICS
from maskpolicy.errors import InputError
from maskpolicy.policies import specs
from maskpolicy.policies.registry import (
    POLICIES,
    build_policy,
    describe_policies,
    find_policy,
)


def test_what_policies_need():
    annotated = {name for name, spec in SPECS.items() if spec.needs_annotations}
    assert annotated == {"ssm", "ssm-all", "pos", "mixture"}
    needed = {name: spec.statistics for name, spec in SPECS.items()}
    assert {name: needs for name, needs in needed.items() if needs} == {
        "pmi": ("collocations",),
        "informative": ("cooccurrence",),
        "idf": ("word-frequencies",),
        "mixture": ("collocations",),
    }
    assert set().union(*needed.values()) == set(STATISTICS)
    assert {name for name, spec in SPECS.items() if spec.inserts} == {
        "orig-infill",
        "orig-infill-token",
        "mixture",
    }
    assert not any(spec.files for spec in SPECS.values())


def test_what_policies_keep_whole():
    kept = {name: spec.keeps for name, spec in SPECS.items()}
    assert {name for name, unit in kept.items() if unit == "sentence"} == set(SENTENCE_UNITS)
    assert {name for name, unit in kept.items() if unit == "word"} == {
        *WORD_UNITS,
        *("ssm", "ssm-all"),  # but for entities that are parts of words
        "mixture",  # of such
    }
    for kind, keeps in (
        ("whole-word", "word"),
        ("mask-first-sentences", "word"),
        ("rand", "token"),
    ):
        parts = [{"weight": 1, "policy": {"kind": kind}} for kind in ("ssm", kind)]
        assert spec_of({"kind": "mixture", "components": parts}).keeps == keeps


def test_which_policies_decide_anew_in_every_epoch():
    assert {name for name, spec in SPECS.items() if not spec.redrawn} == set(WITHOUT_CHANCE)
    learned = {
        "supervised": ({"top": 1}, {"top": 5}),
        "meta": ({"choice": "greedy"}, {"choice": "sampled"}),
    }
    for kind, records in learned.items():
        found = [spec_of({"kind": kind, "network": "n"} | record).redrawn for record in records]
        assert found == [False, True]
    assert not spec_of({"kind": "selective", "network": "n"}).redrawn


def test_which_policies_mask_titles():
    assert {name for name, spec in SPECS.items() if not spec.masks_titles} == set(SENTENCE_UNITS)
    parts = [{"weight": 1, "policy": {"kind": kind}} for kind in ("ssm", "mask-first-sentences")]
    assert spec_of({"kind": "mixture", "components": parts}).masks_titles
    assert not spec_of({"kind": "mixture", "components": [parts[1]] * 2}).masks_titles
    assert not spec_of({"kind": "mixture", "components": parts, "titles": False}).masks_titles


def test_a_kind_is_that_of_its_record():
    for kind in POLICIES:
        assert get_args(find_policy(kind).model_fields["kind"].annotation) == (kind,)
    records = {find_policy(kind) for kind in POLICIES}
    declared = {value for value in vars(specs).values() if isinstance(value, type)}
    policies = {value for value in declared if issubclass(value, specs.PolicySpec)}
    assert records == policies - {specs.PolicySpec, specs.Learned}


def test_missing_statistics_are_an_error_of_the_user():
    with pytest.raises(InputError, match="collocations"):
        build_policy(SPECS["mixture"])


def test_parts_of_speech_are_those_of_the_annotations():
    assert sorted(get_args(specs.PartOfSpeech)) == sorted(PARTS_OF_SPEECH)


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
        ({"kind": "gap-sentences", "titles": True}, "a title is no sentence"),
        ({"rate": 0.1}, "kind\n.*this key is missing; one of: fully-explored, "),
    ],
)
def test_wrong_records_are_refused_by_name(record, message):
    with pytest.raises(ValidationError, match=message):
        spec_of(record)


def test_mistakes_in_a_mixture_have_their_place():
    components = [{"weight": 1, "policy": {"kind": kind, "rate": 2}} for kind in ("rand", "rnd")]
    with pytest.raises(ValidationError) as error:
        spec_of({"kind": "mixture", "components": components})
    places = [problem["loc"] for problem in error.value.errors()]
    assert ("components", 0, "policy", "rate") in places
    assert ("components", 1, "policy", "kind") in places


def test_mixtures_nest():
    inner = {"kind": "mixture", "components": [{"weight": 1, "policy": {"kind": "rand"}}] * 2}
    record = {"kind": "mixture", "components": [{"weight": 0.5, "policy": inner}] * 2}
    outer = spec_of(record)
    assert outer.components[0].policy.components[1].policy.kind == "rand"
    assert type(outer).model_validate_json(outer.model_dump_json()) == outer


def test_every_policy_is_described():
    rows = {kind: (made, line) for kind, made, line in describe_policies()}
    assert set(POLICIES) <= set(rows)
    made, line = rows["supervised"]
    assert made == "learned"
    assert line.endswith("network, top=1, max_span_length=10, precision=float32|bfloat16")
    assert rows["rand"][0] == "hand-made"


def test_reading_a_configuration_loads_nothing_heavy():
    code = (
        "import sys; import maskpolicy.study.loading, maskpolicy.policies.registry;"
        "print(*(m for m in ('numba', 'numpy', 'pyarrow', 'torch') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
