"""What a table says, in sentences: of the arms compared, which differ, by how much, how surely."""

from collections.abc import Iterator

from maskpolicy.arms import CONTROL, NO_POLICY
from maskpolicy.reporting import text
from maskpolicy.reporting.view import BlockView, TableView
from maskpolicy.statistics.significance import Column, Comparison


def findings(view: TableView) -> Iterator[str]:
    """Sentences on the first column of each task, block after block."""
    tasks: set[str] = set()
    for head in view.columns:
        if head.group in tasks:
            continue
        tasks.add(head.group)
        for block, column in zip(view.blocks, head.columns, strict=True):
            of = f" of {block.heading}" if view.several else ""
            yield from _of_column(view, block, column, f"{head.title}{of}")


def _of_column(view: TableView, block: BlockView, column: Column, title: str) -> Iterator[str]:
    if column.flat or len(column.arms) < 2:
        return
    scores = {arm.arm: arm for arm in column.arms}
    best, label = scores[column.best], block.labels
    sentence = (
        f"{label[best.arm]} has the best mean {title}: {text.score_text(best.mean, best.std)}"
    )
    if view.runs < 2:
        yield f"{sentence}. One run of each arm: no test says whether that is more than chance."
        return
    close = [label[arm.arm] for arm in column.arms if arm.shade == "light"]
    threshold = text.bare(view.significance.threshold)
    if close:
        sentence += f"; not told apart from it (p > {threshold}): {text.listed(close)}"
    elif sum(arm.shade == "dark" for arm in column.arms) == 1:
        sentence += f"; every other arm is worse (p ≤ {threshold})"
    yield f"{sentence}."
    if (none := _arm_without_policy(column)) and none != column.best:
        yield from _against(block, column, none, f"Against {label[none]}, {title}", threshold)
    controls = [
        comparison
        for comparison in column.comparisons
        if _policy(column, comparison.other) == _policy(column, comparison.arm) + CONTROL
    ]
    if controls:
        said = (f"{label[each.arm]} {_short(each)}" for each in controls)
        yield f"Against the control that masks as much at random, {title}: {'; '.join(said)}."


def _against(
    block: BlockView, column: Column, other: str, lead: str, threshold: str
) -> Iterator[str]:
    compared = [each for each in column.comparisons if each.other == other and each.p is not None]
    sure = [each for each in compared if each.p is not None and each.p <= float(threshold)]
    better = sorted((each for each in sure if each.difference > 0), key=lambda c: -c.difference)
    worse = [each for each in sure if each.difference < 0]
    unsure = [block.labels[each.arm] for each in compared if each not in sure]
    parts = []
    if better:
        parts.append(
            "better are " + "; ".join(f"{block.labels[c.arm]} {_short(c)}" for c in better)
        )
    if worse:
        parts.append("worse are " + "; ".join(f"{block.labels[c.arm]} {_short(c)}" for c in worse))
    if unsure:
        parts.append(f"no difference is shown (p > {threshold}) for {text.listed(unsure)}")
    if parts:
        yield f"{lead}: {'. '.join(parts)}."


def _short(comparison: Comparison) -> str:
    return f"{text.difference_text(comparison.difference)} (p {text.p_relation(comparison.p)})"


def _arm_without_policy(column: Column) -> str | None:
    return next((arm.arm for arm in column.arms if arm.policy == NO_POLICY), None)


def _policy(column: Column, row: str) -> str:
    return next(arm.policy for arm in column.arms if arm.arm == row)
