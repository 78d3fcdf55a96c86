"""Building the site of a study from its results; nothing is trained."""

import shutil
from pathlib import Path

from maskpolicy.artefacts import atomic_directory
from maskpolicy.reporting.view import FORMATS
from maskpolicy.site.overview import TablePage, design, table_pages
from maskpolicy.site.pages import copy_assets, environment
from maskpolicy.site.provenance import provenance
from maskpolicy.site.results import StudyResults
from maskpolicy.study.loading import CONFIGURATION


def build_site(folder: Path, site: Path) -> None:
    """Write the site of the results in `folder`, of what is there of them.

    Raises InputError where it is no such folder, and ArtefactError, naming a damaged file.
    """
    results = StudyResults.read(folder)
    tables = list(table_pages(results))
    with atomic_directory(site) as made:
        copy_assets(made)
        templates = environment()
        shared = {"study": results.study.name, "pages": [], "current": "index.html"}
        for table in tables:
            _copy_table(table, folder, made)
        page = templates.get_template("index.html").render(
            **shared,
            tables=tables,
            design=design(results),
            provenance=provenance(results),
            configuration=(folder / CONFIGURATION).read_text(encoding="utf-8"),
            cells={key: cell for table in tables for key, cell in table.cells().items()},
        )
        (made / "index.html").write_text(page, encoding="utf-8")


def _copy_table(table: TablePage, folder: Path, site: Path) -> None:
    """Put a table's own files and its figures below the site, so that it can be mailed."""
    for suffix in FORMATS:
        _copy(folder / "tables" / f"{table.name}.{suffix}", site / "tables")
    for figure in table.figures:
        name = Path(figure.file).name
        _copy(folder / "analysis" / table.name / name, (site / figure.file).parent)


def _copy(file: Path, folder: Path) -> None:
    if file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / file.name)
