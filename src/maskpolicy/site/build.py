"""Building the site of a study from its results; nothing is trained."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskpolicy.artefacts import atomic_directory
from maskpolicy.site.masks import (
    CorpusMasks,
    about_arms,
    mask_files,
    read_masks,
    shown_rows,
    write_masks,
)
from maskpolicy.site.networks import network_pages
from maskpolicy.site.overview import Figure, TablePage, analyses, design, table_pages
from maskpolicy.site.pages import copy_assets, environment, write_part
from maskpolicy.site.predictions import (
    Corpora,
    Places,
    TaskPredictions,
    answer_places,
    error_buckets,
    masked_answers,
    read_predictions,
    without_masks,
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
        corpora = {(files.corpus, files.tokenizer): read_masks(files) for files in masked}
        places = [answer_places(task, corpora) for task in tasks]
        viewed, shown = {}, {}
        for read, masks in corpora.items():
            answers = [found[read].rows(masks) for found in places if read in found]
            shown[read] = shown_rows(masks, np.concatenate([np.zeros(0, np.int64), *answers]))
            viewed[masks.files.name] = about = write_masks(made, masks, shown[read])
            said = {"files": masks.files, "about": about, "answers": any(map(len, answers))}
            write("masks.html", masks.files.page, **said)
        for network in networks:
            arms = [arm.name for arm in network.shown]
            of_arms = about_arms(viewed[network.shown[0].files.name], arms) if arms else None
            write("network.html", network.page, network=network, about=of_arms)
        for task, found in zip(tasks, places, strict=True):
            _write_predictions(write, task, corpora, found, shown)
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
    write: _Pages,
    task: TaskPredictions,
    corpora: Corpora,
    found: Places,
    shown: Mapping[tuple[str, str], np.ndarray],
) -> None:
    joined = masked_answers(task, corpora, found)
    # What the page says of answers in a corpus is of the first one.
    masks = places = in_masks = None
    if found:
        read, places = next(iter(found.items()))
        masks = corpora[read]
        in_masks = places.written(masks, shown[read])
    about = write_predictions_part(write.site, task, joined, in_masks)
    write(
        "predictions.html",
        task.page,
        task=task,
        about=about | {"masks_page": masks.files.page if masks else ""},
        joined=joined,
        unmasked=without_masks(task) if joined else [],
        places=places,
        part=_part(masks),
        buckets=error_buckets(task, places.frequency if places else None),
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
