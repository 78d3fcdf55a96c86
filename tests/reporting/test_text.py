import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskpolicy.reporting import text


@pytest.mark.parametrize(
    ("mean", "std", "printed"),
    [
        (0.294, 0.0035, "29.40 ± .35"),
        (0.7118, 0.0112, "71.18 ± 1.12"),
        (0.5, 0.0, "50.00 ± .00"),
        (0.016, None, "1.60"),
        (-0.0123, 0.2, "−1.23 ± 20.00"),
        (-0.00001, None, "0.00"),
    ],
)
def test_scores_are_printed_as_in_the_papers(mean, std, printed):
    assert text.score_text(mean, std) == printed


@pytest.mark.parametrize(
    ("p", "printed", "relation"),
    [
        (0.0847, ".085", "= .085"),
        (1.0, "1.000", "= 1.000"),
        (0.0002, "<.001", "< .001"),
        (0.0, "<.001", "< .001"),
        (None, "–", "unknown"),
    ],
)
def test_p_values(p, printed, relation):
    assert text.p_text(p) == printed
    assert text.p_relation(p) == relation


def test_differences_carry_their_sign():
    assert text.difference_text(-0.0123) == "−1.23"
    assert text.difference_text(0.2) == "+20.00"
    assert text.interval_text((-0.01, 0.02)) == "[−1.00, +2.00]"
    assert text.interval_text(None) == "–"


def test_latex_is_escaped():
    assert text.latex(r"50% of_A&B {x} #1 $ ~^ \n") == (
        r"50\% of\_A\&B \{x\} \#1 \$ \textasciitilde{}\textasciicircum{} \textbackslash{}n"
    )
    assert text.latex("1.2 ± .3 × 10 – p < .1") == (r"1.2 $\pm$ .3 $\times$ 10 -- p \textless{} .1")
    # After the end of a row, \\*[1] would be an argument of it.
    assert text.latex("*[1]") == "{*}{[}1]"


@settings(max_examples=50, deadline=None)
@given(st.text(st.sampled_from("ab \\{}$&#%_~^<>|")))
def test_escaped_latex_has_balanced_braces_and_no_bare_specials(words):
    escaped = text.latex(words)
    plain = escaped.replace(r"\{", "").replace(r"\}", "")
    assert plain.count("{") == plain.count("}")
    for special in "$&#%_":
        assert escaped.count(special) == escaped.count("\\" + special) == words.count(special)
