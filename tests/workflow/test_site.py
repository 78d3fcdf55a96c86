"""The site of a study that was really run, and the report that carries it."""

import re
import zipfile

from support.site_parts import read_part

from maskpolicy.site.provenance import reproduction


def test_the_site_has_every_page(finished):
    site = finished.results / "site"
    pages = {path.name for path in site.glob("*.html")}
    assert pages == {"index.html", "masks-facts.bpe.html", "predictions-qa.qa.html", "runs.html"}
    kinds = {each["kind"] for each in read_part(site, "runs")}
    assert kinds == {"Networks of policies", "Pre-training", "Fine-tuning on qa"}
    assert "<td" in (site / "predictions-qa.qa.html").read_text().partition("Masked and")[2]
    assert re.search(r"Its hash</dt><dd>sha256:\w{16}<", (site / "index.html").read_text())


def test_the_report_carries_it(finished):
    done = finished.snakemake("--report", "report.zip")
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(finished.folder / "report.zip").namelist()
    (index,) = (name for name in names if name.endswith("/index.html"))
    assert index.replace("index.html", "data/masks/facts.bpe/passages.js") in names


def test_what_makes_a_table_again_is_up_to_date(finished):
    *_, command = reproduction(finished.results / "tables" / "qa.md")
    configuration = finished.folder / command.split("--configfile ")[1]
    done = finished.snakemake("--dry-run", "--", "results/study/tables/qa.md")
    assert configuration.is_file()
    assert "Nothing to be done" in done.stdout + done.stderr
