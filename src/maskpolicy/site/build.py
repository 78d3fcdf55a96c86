"""Building the site of a study from its results; nothing is trained."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskpolicy.artefacts import atomic_directory
from maskpolicy.site.masks import CorpusMasks, mask_files, read_masks, write_masks
from maskpolicy.site.networks import network_pages
from maskpolicy.site.overview import Figure, TablePage, analyses, design, table_pages
from maskpolicy.site.pages import copy_assets, environment, write_part
from maskpolicy.site.predictions import (
    TaskPredictions,
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
    """Write the site of the results in `folder`: of the tables, masks, networks and figures that
    are there, and of all runs of those tables.

    Raises InputError where it is no such folder, and ArtefactError, naming the file, where one is
    damaged or a table has lost a run.
    """
    results = StudyResults.read(folder)
    tables = list(table_pages(results))
    of_no_table = analyses(results)
    masked = mask_files(results)
    networks = list(network_pages(results, masked))
    tasks = [task for table in tables for task in read_predictions(results, table)]
    pages = {
        "Study": {"index.html": ""},
        "Masks": {files.page: files.name for files in masked},
        "Networks": {network.page: network.name for network in networks},
        "Predictions": {task.page: f"{task.table}: {task.task}" for task in tasks},
        "Runs": {"runs.html": ""},
    }
    with atomic_directory(site) as made:
        copy_assets(made)
        _copy_files(
            folder, made, tables, [figure for some in of_no_table.values() for figure in some]
        )
        write = _Pages(results.study.name, pages, made)
        corpora, viewed = {}, {}
        for files in masked:
            masks = read_masks(files)
            corpora[files.corpus, files.tokenizer] = masks
            viewed[files.name] = write_masks(made, masks)
            write("masks.html", files.page, files=files, about=viewed[files.name])
        for network in networks:
            arms = [arm.name for arm in network.shown]
            about = viewed[network.shown[0].files.name] | {"arms": arms} if arms else None
            write("network.html", network.page, network=network, about=about)
        for task in tasks:
            # The label of a class stands in no passage.
            _write_predictions(write, task, {} if task.kind == "classification" else corpora)
        write_part(made, "runs", trainings(results, tables, networks))
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
class _Pages:
    """What writes pages that link to each other."""

    study: str
    pages: dict[str, dict[str, str]]  # kind -> files of its pages, and what they are of
    site: Path

    def __call__(self, template: str, file: str, **values: Any) -> None:
        page = environment().get_template(template)
        text = page.render(study=self.study, pages=self.pages, current=file, **values)
        (self.site / file).write_text(text, encoding="utf-8")


def _write_predictions(
    write: _Pages, task: TaskPredictions, corpora: Mapping[tuple[str, str], CorpusMasks]
) -> None:
    joined, frequency, in_context = masked_answers(task, corpora)
    read = next((corpora[arm.masks] for arm in task.arms if arm.masks in corpora), None)
    about = write_predictions_part(write.site, task, joined)
    write(
        "predictions.html",
        task.page,
        task=task,
        about=about | {"masks_page": read.files.page if read else ""},
        joined=joined,
        stated=0 if frequency is None else int((frequency > 0).sum()),
        in_context=in_context,
        part=_part(read),
        buckets=error_buckets(task, frequency),
    )


def _part(masks: CorpusMasks | None) -> str:
    """How much of a corpus was read; of one that was read whole nothing."""
    if masks is None or len(masks.texts) == masks.total:
        return ""
    return f"the first {len(masks.texts):,} of {masks.total:,} passages"


def _copy_files(
    folder: Path, site: Path, tables: Sequence[TablePage], others: Sequence[Figure]
) -> None:
    """Put tables and figures below the site, so that it can be mailed."""
    copies = {
        f"tables/{table.name}.{suffix}": f"tables/{table.name}.{suffix}"
        for table in tables
        for suffix in table.formats
    }
    for figure in [*(figure for table in tables for figure in table.figures), *others]:
        copies[figure.file] = figure.file.replace("figures/", "analysis/", 1)
    for curve in folder.glob("networks/*/learning-curve.svg"):
        copies[f"figures/networks/{curve.parent.name}.svg"] = str(curve.relative_to(folder))
    for copy, file in copies.items():
        if (folder / file).is_file():
            (site / copy).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / file, site / copy)
