"""What a table says, in sentences: which arm is best, and what its comparisons decide."""

from collections.abc import Iterator

from maskpolicy.reporting import text
from maskpolicy.reporting.view import BlockView, TableView
from maskpolicy.statistics.significance import Column


def findings(view: TableView) -> Iterator[str]:
    """Sentences on the first column of each task."""
    tasks: set[str] = set()
    for head in view.columns:
        if head.group in tasks:
            continue
        tasks.add(head.group)
        for block, column in zip(view.blocks, head.columns, strict=True):
            of = f" of {block.heading}" if view.several else ""
            yield from _best(view, block, column, f"{head.title}{of}")
        yield from view.verdicts(head)


def _best(view: TableView, block: BlockView, column: Column, title: str) -> Iterator[str]:
    if column.flat or len(column.arms) < 2:
        return
    best = next(arm for arm in column.arms if arm.arm == column.best)
    label, score = block.labels[best.arm], text.score_text(best.mean, best.std)
    sentence = f"{label} has the best mean {title}: {score}"
    close = [block.labels[arm.arm] for arm in column.arms if arm.shade == "light"]
    if view.runs < 2:
        yield f"{sentence}. One run of each arm: no test says whether that is more than chance."
    elif close:
        near = f"p > {text.bare(view.significance.threshold)}, uncorrected"
        yield f"{sentence}; not told apart from it ({near}): {text.listed(close)}."
    else:
        yield f"{sentence}."
