"""Building the site of a study from its results; nothing is trained."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskpolicy.artefacts import atomic_directory
from maskpolicy.reporting.view import FORMATS
from maskpolicy.site.masks import CorpusMasks, mask_files, read_masks, write_masks
from maskpolicy.site.overview import TablePage, analyses, design, table_pages
from maskpolicy.site.pages import copy_assets, environment, write_part
from maskpolicy.site.predictions import (
    RIGHT,
    error_buckets,
    masked_answers,
    read_predictions,
    write_predictions_part,
)
from maskpolicy.site.provenance import provenance
from maskpolicy.site.results import StudyResults
from maskpolicy.site.runs import trainings
from maskpolicy.study.loading import CONFIGURATION


def build_site(folder: Path, site: Path) -> None:
    """Write the site of the results in `folder`, of what is there of them.

    Raises InputError where it is no such folder, and ArtefactError, naming a damaged file.
    """
    results = StudyResults.read(folder)
    tables = list(table_pages(results))
    of_no_table = analyses(results)
    masked = mask_files(results)
    tasks = [task for table in tables for task in read_predictions(results, table)]
    pages = [
        Page("index.html", "Study"),
        *(Page(files.page, _called("Masks", files.corpus, masked)) for files in masked),
        *(Page(task.page, _called("Predictions", task.name, tasks)) for task in tasks),
        Page("runs.html", "Runs"),
    ]
    with atomic_directory(site) as made:
        copy_assets(made)
        for table in tables:
            _copy_table(table, folder, made)
        for name, figures in of_no_table.items():
            for figure in figures:
                place = Path(figure.file)
                _copy(folder / "analysis" / name / place.name, made / place.parent)
        write = _Pages(results.study.name, pages, made)
        corpora = {}
        for files in masked:
            masks = read_masks(files)
            corpora[files.corpus, files.tokenizer] = masks
            write("masks.html", files.page, files=files, about=write_masks(made, masks))
        for task in tasks:
            free = task.kind != "classification"  # the label of a class stands in no passage
            joined, frequency, in_context = masked_answers(task, corpora if free else {})
            about = write_predictions_part(made, task, joined)
            write(
                "predictions.html",
                task.page,
                task=task,
                right=RIGHT,
                about=about | {"masks_page": masked[0].page if masked and free else ""},
                joined=joined,
                stated=0 if frequency is None else int((frequency > 0).sum()),
                in_context=in_context,
                part=_part(corpora.get(task.arms[-1].masks)),
                buckets=error_buckets(task, frequency),
            )
        write_part(made, "runs", trainings(results, tables, masked))
        for network in results.study.networks:
            curve = folder / "networks" / network / "learning-curve.svg"
            _copy(curve, made / "figures" / "networks", f"{network}.svg")
        write("runs.html", "runs.html")
        write(
            "index.html",
            "index.html",
            tables=tables,
            analyses=of_no_table,
            design=design(results),
            provenance=provenance(results),
            configuration=(folder / CONFIGURATION).read_text(encoding="utf-8"),
            cells={key: cell for table in tables for key, cell in table.cells().items()},
        )


@dataclass(frozen=True)
class Page:
    """A page of the site, as its others name it."""

    file: str
    title: str


@dataclass(frozen=True)
class _Pages:
    """What writes pages that link to each other."""

    study: str
    pages: list[Page]
    site: Path

    def __call__(self, template: str, file: str, **values: Any) -> None:
        page = environment().get_template(template)
        text = page.render(study=self.study, pages=self.pages, current=file, **values)
        (self.site / file).write_text(text, encoding="utf-8")


def _part(masks: CorpusMasks | None) -> str:
    """How much of a corpus was read; of one that was read whole nothing."""
    if masks is None or len(masks.texts) == masks.total:
        return ""
    return f"the first {len(masks.texts):,} of {masks.total:,} passages"


def _called(what: str, name: str, all_of_it: Sequence[Any]) -> str:
    return what if len(all_of_it) == 1 else f"{what}: {name}"


def _copy_table(table: TablePage, folder: Path, site: Path) -> None:
    """Put a table's own files and its figures below the site, so that it can be mailed."""
    for suffix in FORMATS:
        _copy(folder / "tables" / f"{table.name}.{suffix}", site / "tables")
    for figure in table.figures:
        name = Path(figure.file).name
        _copy(folder / "analysis" / table.name / name, (site / figure.file).parent)


def _copy(file: Path, folder: Path, name: str = "") -> None:
    if file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / (name or file.name))
