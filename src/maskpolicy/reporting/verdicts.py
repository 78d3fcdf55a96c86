"""What comparisons say, in sentences that any page can print. Differences are shown times 100."""

from collections.abc import Sequence

from maskpolicy.errors import counted
from maskpolicy.reporting import text
from maskpolicy.statistics.comparisons import Comparison, Outcome
from maskpolicy.statistics.paired import sign_flip_floor
from maskpolicy.statistics.power import LEVEL

_LEVEL = text.bare(LEVEL)


def sentence(comparison: Comparison, runs: int, among: int) -> str:
    """The verdict on one comparison of so many runs, one of `among`, with its reason."""
    arm, other = comparison.arm, comparison.other
    difference = text.difference_text(comparison.difference)
    match comparison.outcome:
        case "identical":
            return f"{arm} and {other} predict the same in every run: there is nothing to compare."
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
    reason = _why(comparison, runs, among)
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
    if decided := by_outcome.get("higher", []) + by_outcome.get("lower", []):
        pairs_told = (f"{_pair(each)} {text.difference_text(each.difference)}" for each in decided)
        sentences.append(f"Decided ({_held(decided[0], runs)}): {text.listed(pairs_told)}.")
    if equivalent := by_outcome.get("equivalent"):
        within = f"within ±{_margin(equivalent[0])} points (two one-sided tests, p < {_LEVEL})"
        sentences.append(f"Equivalent {within}: {text.listed(map(_pair, equivalent))}.")
    if identical := by_outcome.get("identical"):
        sentences.append(f"The same predictions: {text.listed(map(_pair, identical))}.")
    if undecided := by_outcome.get("undecided"):
        sentences += _undecided(undecided, runs, len(told))
    return sentences


def floor_note(runs: int) -> str:
    """What so many runs can't say by themselves."""
    return (
        f"Of {counted(runs, 'run')} in pairs an exact sign-flip test can't go below p ="
        f" {text.bare(f'{sign_flip_floor(runs):.3g}')}: smaller ones over runs rest on differences"
        " that are normal."
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
    by_reason: dict[str, list[Comparison]] = {}
    few = []
    for each in comparisons:
        if each.power is not None and (each.p is None or each.p >= LEVEL):
            needed = f"{each.power.needed:,}" if each.power.needed else f"over {each.power.most:,}"
            smallest = f"{100 * each.power.smallest:.2f}"
            seen = text.difference_text(each.difference)
            few.append(f"{_pair(each)} {seen} ({smallest}; {needed} runs)")
        else:
            by_reason.setdefault(_why(each, runs, among), []).append(each)
    sentences = []
    if few:
        sentences.append(
            f"{_number(runs)} cannot decide (in brackets the smallest difference that they find"
            " with 80 % power, and how many runs would decide, if the difference and spread seen"
            f" are the true ones): {text.listed(few)}."
        )
    for reason, some in by_reason.items():
        sentences.append(f"Undecided: {text.listed(map(_pair, some))}: {reason}.")
    return sentences


def _why(comparison: Comparison, runs: int, among: int) -> str:
    p, corrected, power = comparison.p_uncorrected, comparison.p_holm, comparison.power
    if p is None:
        return comparison.note or "nothing was tested"
    if p >= LEVEL:
        if runs == 1:
            return (
                f"p {text.p_relation(p)} over the examples of one run; several runs would tell more"
            )
        if power is None:
            return f"p {text.p_relation(p)}; {comparison.note}"
        enough = (
            f"{power.needed:,} runs of each arm would decide this one, if what is seen is true"
            if power.needed
            else f"over {power.most:,} runs of each arm would be needed for this one"
        )
        return (
            f"{_number(runs).lower()} find differences from {100 * power.smallest:.2f} points on"
            f" with 80 % power; {enough}"
        )
    if corrected is not None and corrected >= LEVEL:
        return f"p < {_LEVEL} alone, but not as one of {among} comparisons (Holm)"
    if runs == 1:
        return "one run is too close to call: what tests say of its examples is not the same"
    return "it holds over runs on these examples, not on new ones: more of them would help"


def _held(comparison: Comparison, runs: int) -> str:
    if runs == 1:
        return f"p < {_LEVEL} over examples by Holm's correction"
    new = " and over new examples by the multi-bootstrap" if comparison.bootstrap else ""
    return f"p < {_LEVEL} over runs by Holm's correction{new}"


def _pair(comparison: Comparison) -> str:
    return f"{comparison.arm} against {comparison.other}"


def _number(runs: int) -> str:
    words = {2: "Two", 3: "Three", 4: "Four", 5: "Five"}
    return f"{words.get(runs, f'{runs:,}')} runs"


def _margin(comparison: Comparison) -> str:
    assert comparison.equivalence is not None  # what is called equivalent has a margin
    return f"{100 * comparison.equivalence.margin:.2f}"


def _equivalence_p(comparison: Comparison) -> float | None:
    return comparison.equivalence.p if comparison.equivalence else None
