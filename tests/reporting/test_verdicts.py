"""What is said of comparisons, by the reason why."""

import pytest

from maskpolicy.reporting.verdicts import floor_note, sentence, verdicts
from maskpolicy.statistics.comparisons import Comparison
from maskpolicy.statistics.effects import Effect
from maskpolicy.statistics.equivalence import Equivalence
from maskpolicy.statistics.multibootstrap import MultiBootstrap
from maskpolicy.statistics.needed_runs import Power


def power(needed, smallest=0.1):
    return Power(level=0.05, power=0.8, smallest=smallest, needed=needed, most=1000)


def bootstrap(low, high, examples=0.0):
    about = {"error": 0.01, "p": 0.5, "degrees": 9.0, "seeds": "runs", "number": 3, "clusters": 40}
    about["examples_error"] = examples
    return MultiBootstrap(interval=(low, high), **about)


def comparison(arm="ssm", other="none", difference=0.05, **about):
    figures = {
        "interval": (0.01, 0.09),
        "t": 3.0,
        "degrees": 2,
        "p": 0.01,
        "p_holm": 0.02,
        "p_examples": 0.01,
        "note": None,
        "bootstrap": bootstrap(0.01, 0.09),
        "effect": Effect(d=2, g=1.1, interval=None),
        "power": power(3),
    }
    return Comparison(arm=arm, other=other, difference=difference, **figures | about)


UNDECIDED = {"p": 0.3, "p_holm": 0.6}


@pytest.mark.parametrize(
    ("about", "runs", "said"),
    [
        (
            {},
            3,
            "ssm is higher than none (+5.00): p < .05 over runs by Holm's correction and over new"
            " examples by the multi-bootstrap.",
        ),
        (
            {"difference": -0.05, "bootstrap": bootstrap(-0.09, -0.01)},
            3,
            "ssm is lower than none (−5.00): p < .05",
        ),
        (
            UNDECIDED | {"power": power(12)},
            3,
            "Undecided: ssm against none (+5.00): three runs find differences from 10.00 points"
            " on; 12 runs of each arm would be enough for this one, if what is seen is true (with"
            " 80 % power, p over runs alone, before Holm, on these examples).",
        ),
        (
            UNDECIDED | {"power": power(None)},
            12,
            "12 runs find differences from 10.00 points on; over 1,000 runs of each arm would be"
            " needed for this one (with 80 % power,",
        ),
        (
            UNDECIDED | {"power": power(12), "bootstrap": bootstrap(-0.09, 0.19, examples=0.04)},
            3,
            "(+5.00): p = .300 over runs, and on so few examples no number of them would decide"
            " it: more examples are needed.",
        ),
        (
            UNDECIDED | {"power": power(12), "p_seeds": 0.3},
            3,
            "three pre-training seeds find differences from 10.00 points on; 12 pre-training seeds"
            " of each arm would be enough",
        ),
        (
            {"t": None, "p": 0.0, "p_holm": 0.02, "power": None, "note": "no spread"},
            3,
            "higher than none (+5.00): p < .05 over examples by Holm's correction and over new",
        ),
        (
            {"t": None, "p": 0.0, "p_holm": 0.2, "p_examples": 0.2, "power": None, "note": "flat"},
            3,
            "p = .200 over examples; flat.",
        ),
        ({"p_holm": 0.2}, 3, "p < .05 alone, but not as one of 9 comparisons (Holm)."),
        (
            {"bootstrap": bootstrap(-0.01, 0.1)},
            3,
            "it holds over runs on these examples, not on new ones: more of them would help.",
        ),
        (
            {"equivalence": Equivalence(margin=0.06, p=0.04, equivalent=True), **UNDECIDED},
            3,
            "ssm and none are equivalent within ±6.00 points (+5.00, TOST p = .040).",
        ),
        (
            {"equivalence": Equivalence(margin=0.02, p=0.4, equivalent=False), **UNDECIDED},
            3,
            "on these examples); nor are they shown to be equivalent within ±2.00 points.",
        ),
        ({"identical": True}, 3, "ssm and none: every example counts the same for both in"),
        (
            {"p": None, "p_holm": 0.3, "p_examples": 0.3, "power": None},
            1,
            "(+5.00): p = .300 over the examples of one run; several runs would tell more.",
        ),
        ({"p": None, "power": None}, 1, "higher than none (+5.00): p < .05 over examples by Holm"),
        (
            {"p": None, "p_examples": None, "p_holm": None, "note": "one seed: no test"},
            1,
            "Undecided: ssm against none (+5.00): one seed: no test.",
        ),
        (
            {"p": 1.0, "p_holm": 1.0, "power": None, "note": "the scores are identical"},
            3,
            "p = 1.000 over runs; the scores are identical.",
        ),
    ],
)
def test_a_verdict_has_its_reason(about, runs, said):
    assert said in sentence(comparison(**about), runs, 9)


def test_verdicts_of_one_outcome_are_one_sentence_and_each_pair_is_told_once():
    told = verdicts(
        [
            comparison("none", "ssm", -0.05, bootstrap=bootstrap(-0.09, -0.01)),
            comparison(),
            comparison("rand"),
            comparison("meta", **UNDECIDED, power=power(12)),
            comparison("span", **UNDECIDED, power=power(None)),
            comparison("idf", p_holm=0.1),
        ],
        3,
    )
    assert told == [
        "Decided (p < .05 over runs by Holm's correction and over new examples by the"
        " multi-bootstrap): ssm against none +5.00, rand against none +5.00.",
        "Three runs cannot decide: meta against none +5.00 (finds 10.00; needs 12 runs), span"
        " against none +5.00 (finds 10.00; needs over 1,000 runs). Found and needed: with 80 %"
        " power, p over runs alone, before Holm, on these examples, if the difference and spread"
        " seen are the true ones.",
        "Undecided: idf against none: p < .05 alone, but not as one of 5 comparisons (Holm).",
    ]
    assert verdicts([], 3) == []


def test_equivalent_and_identical_arms_are_told():
    equal = Equivalence(margin=0.01, p=0.01, equivalent=True)
    told = verdicts(
        [comparison(**UNDECIDED, equivalence=equal), comparison("a", identical=True)], 3
    )
    assert told == [
        "Equivalent within ±1.00 points (two one-sided tests, p < .05): ssm against none.",
        "Every example counts the same for both in every run: a against none.",
    ]


def test_the_floor_of_few_runs():
    assert "Of 3 runs in pairs an exact sign-flip test can't go below p = .25" in floor_note(3)
    assert "p = .00195" in floor_note(10)
    assert "Of 2 pre-training seeds in pairs" in floor_note(2, "pre-training seed")


def test_what_is_decided_by_examples_and_what_is_limited_by_them_is_told_apart():
    constant = {"t": None, "p": 0.0, "power": None, "note": "no spread"}
    limited = UNDECIDED | {"power": power(12), "bootstrap": bootstrap(-0.09, 0.19, examples=0.04)}
    more_limited = limited | {"p": 0.4}
    told = verdicts(
        [
            comparison(),
            comparison("a", **constant),
            comparison("b", **limited),
            comparison("c", **more_limited),
        ],
        3,
    )
    assert [sentence.split(": ")[-1] for sentence in told[:2]] == [
        *("ssm against none +5.00.", "a against none +5.00."),
    ]
    assert "Decided (p < .05 over examples by Holm's" in told[1]
    assert told[2:] == [
        "Undecided: b against none (p = .300), c against none (p = .400): p over runs, and on so"
        " few examples no number of them would decide it: more examples are needed."
    ]
