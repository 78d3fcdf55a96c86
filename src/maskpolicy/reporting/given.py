"""The comparison of anybody's files in the terminal: a table, and what it says in sentences."""

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from maskpolicy.errors import counted
from maskpolicy.reporting import text, verdicts
from maskpolicy.statistics.comparisons import Comparison
from maskpolicy.statistics.dominance import BETTER
from maskpolicy.statistics.given import GivenArm, GivenComparison


def print_comparison(compared: GivenComparison, console: Console | None = None) -> None:
    """Print arms and scores, each other one against the first, and the verdicts."""
    console = console or Console(highlight=False)
    drawn = Table(box=box.MARKDOWN, header_style="bold")
    over_examples = "p (examples)" if compared.clusters is None else "p (clusters)"
    heads = ["arm", "runs", "score", f"against {compared.arms[0].arm}", "interval"]
    for i, head in enumerate([*heads, "p (runs)", "p (Holm)", over_examples, "effect g"]):
        drawn.add_column(Text(head), justify="right" if i else "left", no_wrap=True)
    of_arms = {each.arm: each for each in compared.comparisons}
    for arm in compared.arms:
        drawn.add_row(*map(Text, _row(arm, of_arms.get(arm.arm))))
    width = Measurement.get(console, console.options.update(max_width=10_000), drawn).maximum
    console.width = max(console.width, width)
    console.print(drawn)
    for line in sentences(compared):
        console.print(Text(line), soft_wrap=True)
    for note in notes(compared):
        console.print(Text(note, "dim"), soft_wrap=True)


def sentences(compared: GivenComparison) -> Iterator[str]:
    """The verdicts."""
    first = compared.arms[0]
    for each in compared.comparisons:
        yield _verdict(each, compared)
    ps = [(each.arm, p) for each in compared.comparisons if (p := each.p_dunnett) is not None]
    if len(ps) > 1:
        yield verdicts.dunnett(first.arm, ps)
    for arm in compared.arms:
        if (bound := arm.almost_stochastic_order) is not None:
            better = "" if bound < BETTER else "not shown to be "
            yield (
                f"{arm.arm} is {better}almost stochastically above {first.arm} (eps_min"
                f" {text.bare(f'{bound:.2f}')}, where below {text.bare(BETTER)} is)."
            )


def notes(compared: GivenComparison) -> Iterator[str]:
    """What the figures are, and what they can't say."""
    fewest = [_fewest(each, compared) for each in compared.comparisons]
    of_clusters = (
        "" if compared.clusters is None else f" in {counted(compared.clusters, 'cluster')}"
    )
    yield (
        f"Scores ×100 by {compared.signature} on {counted(compared.examples, 'example')}"
        f"{of_clusters}" + (", given in points." if compared.points else ".")
    )
    confidence = f"{100 * compared.confidence:.0f} %"
    over = "new runs and new examples" if max(fewest) > 1 else "new examples"
    yield f"Interval: {confidence}, over {over} (multi-bootstrap, Sellam et al. 2022)."
    alone = [arm.arm for arm in compared.arms if len(arm.scores) == 1]
    if len(alone) == len(compared.arms):
        yield "One run of each arm: other seeds may say otherwise."
    else:
        if alone:
            yield (
                f"One run of {text.listed(alone)}: other seeds may say otherwise, which no interval"
                " and no test of it knows."
            )
        yield _pairing(compared)
        if all(each.paired for each in compared.comparisons):
            yield verdicts.floor_note(min(fewest))
        for each in compared.comparisons:
            # Of a run that is alone it is said above.
            if each.p is not None and each.note and each.note not in _verdict(each, compared):
                yield f"{each.arm} against {each.other}: {each.note}."
        yield (
            "If the runs of an arm start from one pre-trained checkpoint, nothing here speaks for"
            " pre-training."
        )
    if compared.clusters is None:
        yield (
            "Examples count as independent: where several are about one text, name the column that"
            " says which with --cluster."
        )


def _verdict(comparison: Comparison, compared: GivenComparison) -> str:
    return verdicts.sentence(comparison, _fewest(comparison, compared), len(compared.comparisons))


def _fewest(comparison: Comparison, compared: GivenComparison) -> int:
    """Runs of the arm with fewer."""
    arms = {comparison.arm, comparison.other}
    return min(len(arm.scores) for arm in compared.arms if arm.arm in arms)


def _pairing(compared: GivenComparison) -> str:
    if all(each.paired for each in compared.comparisons):
        return "Runs are pairs, in the order given: p (runs) is that of a paired t-test."
    counts = text.listed(f"{arm.arm} {len(arm.scores)}" for arm in compared.arms)
    mixed = any(each.paired for each in compared.comparisons)
    where = "Where arms have as many runs they are pairs; else" if mixed else "Runs are no pairs:"
    return f"{where} p (runs) is that of Welch's t-test. Runs: {counts}."


def _row(arm: GivenArm, against: Comparison | None) -> list[str]:
    row = [arm.arm, str(len(arm.scores)), text.score_text(arm.mean, arm.std)]
    if against is None:
        return [*row, *[""] * 6]
    over_examples = against.p_examples if against.p_clusters is None else against.p_clusters
    return [
        *row,
        text.difference_text(against.difference),
        text.interval_text(against.bootstrap.interval if against.bootstrap else None),
        text.p_text(against.p),
        text.p_text(against.p_holm),
        text.p_text(over_examples),
        text.effect_text(against.effect.g if against.effect else None),
    ]
