"""What a table shows beside its figures; importing this module loads nothing heavy."""

from maskpolicy.evaluation.specs import PaperFigure, PaperFigures
from maskpolicy.records import JsonRecord


class ShownRow(JsonRecord):
    """A row of a block, as it is called."""

    name: str  # that of the tests, unless it is only printed
    label: str
    about: str = ""  # after which stage, where that is not the one of its block
    only_printed: bool = False


class ShownBlock(JsonRecord):
    """Rows of one model, which are tested among each other."""

    heading: str  # shown where there are several blocks
    rows: tuple[ShownRow, ...]
    paper: PaperFigures

    def paper_figure(self, row: str, task: str, metric: str) -> PaperFigure | None:
        """The published figure of a row, where there is one; an average has no metric."""
        figures = self.paper.get(row, {}).get(task)
        return figures.get(metric) if isinstance(figures, dict) else figures
