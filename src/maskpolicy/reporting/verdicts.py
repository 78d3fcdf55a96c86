"""What comparisons say, in sentences that any page can print. Differences are shown times 100."""

from collections.abc import Iterable, Sequence

from maskpolicy.errors import counted
from maskpolicy.reporting import text
from maskpolicy.statistics.comparisons import Comparison, Outcome
from maskpolicy.statistics.paired import sign_flip_floor
from maskpolicy.statistics.power import LEVEL

_LEVEL = text.bare(LEVEL)

_FORECAST = "with 80 % power, p over runs alone, before Holm, on these examples"
_IF_TRUE = "if the difference and spread seen are the true ones"


def sentence(comparison: Comparison, runs: int, among: int) -> str:
    """The verdict on one comparison of so many runs, or pre-training seeds where those have
    several, one of `among`, with its reason.
    """
    arm, other = comparison.arm, comparison.other
    difference = text.difference_text(comparison.difference)
    match comparison.outcome:
        case "identical":
            return (
                f"{arm} and {other}: every example counts the same for both in every run, so that"
                " there is nothing to compare."
            )
        case "higher" | "lower" as outcome:
            return f"{arm} is {outcome} than {other} ({difference}): {_held(comparison, runs)}."
        case "equivalent":
            return (
                f"{arm} and {other} are equivalent within ±{_margin(comparison)} points"
                f" ({difference}, TOST p {text.p_relation(_equivalence_p(comparison))})."
            )
        case "undecided":
            reason = why_undecided(comparison, runs, among)
            return f"Undecided: {arm} against {other} ({difference}): {reason}."


def why_undecided(comparison: Comparison, runs: int, among: int) -> str:
    """Why nothing is claimed of a difference, and what would decide it."""
    p, reason = _why(comparison, runs, among)
    if p:
        reason = f"p {p} {reason}"
    if comparison.equivalence:
        reason += f"; nor are they shown to be equivalent within ±{_margin(comparison)} points"
    return reason


def verdicts(comparisons: Sequence[Comparison], runs: int) -> list[str]:
    """The verdicts on all comparisons of a column, those of an outcome in one sentence.

    Of two arms that are compared in both directions, one is told: the better one against the other.
    """
    told = _once(comparisons)
    by_outcome: dict[Outcome, list[Comparison]] = {}
    for each in told:
        by_outcome.setdefault(each.outcome, []).append(each)
    sentences = []
    decided: dict[str, list[str]] = {}
    for each in by_outcome.get("higher", []) + by_outcome.get("lower", []):
        seen = f"{_pair(each)} {text.difference_text(each.difference)}"
        decided.setdefault(_held(each, runs), []).append(seen)
    for held, pairs_told in decided.items():
        sentences.append(f"Decided ({held}): {text.listed(pairs_told)}.")
    if equivalent := by_outcome.get("equivalent"):
        within = f"within ±{_margin(equivalent[0])} points (two one-sided tests, p < {_LEVEL})"
        sentences.append(f"Equivalent {within}: {text.listed(map(_pair, equivalent))}.")
    if identical := by_outcome.get("identical"):
        pairs_told = list(map(_pair, identical))
        sentences.append(
            f"Every example counts the same for both in every run: {text.listed(pairs_told)}."
        )
    if undecided := by_outcome.get("undecided"):
        sentences += _undecided(undecided, runs, len(told))
    return sentences


def dunnett(other: str, ps: Iterable[tuple[str, float]]) -> str:
    """How arms differ from another one, all of them together: beside the verdicts, no part of them.

    A few arms that vary much, or little, decide the spread of all, and so these p.
    """
    told = text.listed(f"{arm} p {text.p_relation(p)}" for arm, p in ps)
    about = "Dunnett: unpaired, one spread for all arms; no verdict rests on it"
    return f"All against {other} ({about}): {told}."


def floor_note(number: int, of: str = "run") -> str:
    """What so many runs, or what else is independent, can't say by themselves."""
    return (
        f"Of {counted(number, of)} in pairs an exact sign-flip test can't go below p ="
        f" {text.bare(f'{sign_flip_floor(number):.3g}')}: smaller ones over {of}s rest on"
        " differences that are normal."
    )


def _once(comparisons: Sequence[Comparison]) -> list[Comparison]:
    pairs: dict[frozenset[str], Comparison] = {}
    for each in comparisons:
        pair = frozenset((each.arm, each.other))
        if pair not in pairs or each.difference > 0:
            pairs[pair] = each
    return list(pairs.values())


def _undecided(comparisons: Sequence[Comparison], runs: int, among: int) -> list[str]:
    """By reason: too few runs, each with what would be enough, or what else it is."""
    by_reason: dict[str, list[str]] = {}
    few = []
    for each in comparisons:
        if each.power is not None and _too_few(each):
            needed = f"{each.power.needed:,}" if each.power.needed else f"over {each.power.most:,}"
            smallest = f"{100 * each.power.smallest:.2f}"
            seen = text.difference_text(each.difference)
            few.append(f"{_pair(each)} {seen} (finds {smallest}; needs {needed} {_what(each)})")
        else:
            p, reason = _why(each, runs, among)
            told = f"{_pair(each)} (p {p})" if p else _pair(each)
            by_reason.setdefault(f"p {reason}" if p else reason, []).append(told)
    sentences = []
    if few:
        sentences.append(
            f"{_number(runs, comparisons[0])} cannot decide: {text.listed(few)}. Found and needed:"
            f" {_FORECAST}, {_IF_TRUE}."
        )
    for reason, some in by_reason.items():
        sentences.append(f"Undecided: {text.listed(some)}: {reason}.")
    return sentences


def _why(comparison: Comparison, runs: int, among: int) -> tuple[str, str]:
    """Its p where the reason begins with that, as what follows "p", and the reason."""
    p, corrected, power = comparison.p_uncorrected, comparison.p_holm, comparison.power
    if p is None:
        return "", comparison.note or "nothing was tested"
    over_runs = comparison.p_over_runs
    if p >= LEVEL:
        if over_runs is not None and comparison.bootstrap and comparison.bootstrap.examples_limit:
            return text.p_relation(p), (
                f"over {_what(comparison)}, and on so few examples no number of them would decide"
                " it: more examples are needed"
            )
        if runs == 1:
            return text.p_relation(p), "over the examples of one run; several runs would tell more"
        if power is None:
            over = "examples" if over_runs is None else _what(comparison)
            why = f"; {comparison.note}" if comparison.note else ""
            return text.p_relation(p), f"over {over}{why}"
        of_each = f"{_what(comparison)} of each arm"
        enough = (
            f"{power.needed:,} {of_each} would be enough for this one, if what is seen is true"
            if power.needed
            else f"over {power.most:,} {of_each} would be needed for this one"
        )
        return "", (
            f"{_number(runs, comparison).lower()} find differences from"
            f" {100 * power.smallest:.2f} points on; {enough} ({_FORECAST})"
        )
    if corrected is not None and corrected >= LEVEL:
        return "", f"p < {_LEVEL} alone, but not as one of {among} comparisons (Holm)"
    if runs == 1:
        return "", "one run is too close to call: what tests say of its examples is not the same"
    if over_runs is None:
        return "", f"p < {_LEVEL} over examples by Holm's correction, not by the multi-bootstrap"
    return "", "it holds over runs on these examples, not on new ones: more of them would help"


def _held(comparison: Comparison, runs: int) -> str:
    if runs == 1:
        return f"p < {_LEVEL} over examples by Holm's correction"
    over = "examples" if comparison.p_over_runs is None else _what(comparison)
    new = " and over new examples by the multi-bootstrap" if comparison.bootstrap else ""
    return f"p < {_LEVEL} over {over} by Holm's correction{new}"


def _pair(comparison: Comparison) -> str:
    return f"{comparison.arm} against {comparison.other}"


def _too_few(comparison: Comparison) -> bool:
    """Whether it is runs that are too few, and not examples."""
    p = comparison.p_uncorrected
    limited = comparison.bootstrap is not None and comparison.bootstrap.examples_limit
    return (p is None or p >= LEVEL) and not limited


def _what(comparison: Comparison) -> str:
    """What is independent, and counts."""
    return "runs" if comparison.p_seeds is None else "pre-training seeds"


def _number(runs: int, comparison: Comparison) -> str:
    words = {2: "Two", 3: "Three", 4: "Four", 5: "Five"}
    return f"{words.get(runs, f'{runs:,}')} {_what(comparison)}"


def _margin(comparison: Comparison) -> str:
    assert comparison.equivalence is not None  # what is called equivalent has a margin
    return f"{100 * comparison.equivalence.margin:.2f}"


def _equivalence_p(comparison: Comparison) -> float | None:
    return comparison.equivalence.p if comparison.equivalence else None
