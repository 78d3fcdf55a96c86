"""The site of a study that was really run, and the report that carries it."""

import re
import shlex
import shutil
import subprocess
import zipfile

from support.site_parts import read_part
from support.small_study import ARMS, write_sources
from support.study_folder import StudyFolder, rules_of

from maskpolicy.provenance import PROVENANCE, configuration_hash, installed_code, read_starts
from maskpolicy.site.provenance import reproduction
from maskpolicy.study.loading import CONFIGURATION


def test_the_site_has_every_page(finished):
    site = finished.results / "site"
    pages = {path.name for path in site.glob("*.html")}
    networks = {"network-meta-qa.html", "network-supervised-qa.html"}
    others = {"masks-facts.bpe.html", "predictions-qa.qa.html", "runs.html"}
    assert pages == {"index.html", *networks, *others}
    kinds = {each["kind"] for each in read_part(site, "runs")}
    assert kinds == {"Networks of policies", "Pre-training", "Fine-tuning on qa"}
    assert "<td" in (site / "predictions-qa.qa.html").read_text().partition("Masked and")[2]
    assert re.search(r"Hash</dt><dd>sha256:\w{16}<", (site / "index.html").read_text())


def test_the_report_carries_it(finished):
    done = finished.snakemake("--report", "report.zip")
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(finished.folder / "report.zip").namelist()
    (index,) = (name for name in names if name.endswith("/index.html"))
    assert index.replace("index.html", "data/masks/facts.bpe/passages.js") in names


def test_every_start_that_makes_something_is_kept(finished):
    path = finished.results / PROVENANCE
    first, *_ = starts = read_starts(path)
    assert first.code == installed_code() and not first.cluster
    assert first.configuration == configuration_hash(finished.results / CONFIGURATION)
    for nothing in (["--dry-run", "--forceall"], ["--cores", "1", "results/study/tables/qa.md"]):
        assert finished.snakemake(*nothing).returncode == 0
        assert read_starts(path) == starts
    done = finished.snakemake("--cores", "1", "--forcerun", "build_site")
    assert done.returncode == 0, done.stderr
    *before, last = read_starts(path)
    assert before == starts and last.time > starts[-1].time


def test_a_table_says_who_made_it(finished):
    code = f"commit {installed_code().commit[:12]}"
    for page, said in (("site/index.html", "Code</dt><dd>"), ("tables/qa.html", "Code: ")):
        assert f"{said}{code}" in (finished.results / page).read_text()
    index = (finished.results / "site" / "index.html").read_text()
    assert "Trained on</dt><dd>cpu (18 trainings)<" in index
    assert index.count(" Wh</td>") == len(ARMS)


def test_touched_results_no_longer_tell_who_made_them(finished, tmp_path):
    copy = StudyFolder(shutil.copytree(finished.folder, tmp_path / "study"), finished.study)
    starts = read_starts(copy.results / PROVENANCE)
    done = copy.snakemake("--cores", "1", "--touch", "--forceall")
    assert done.returncode == 0, done.stderr
    assert read_starts(copy.results / PROVENANCE) == starts
    done = copy.snakemake("--cores", "1", "--forcerun", "build_site")
    assert done.returncode == 0, done.stderr
    *_, last = read_starts(copy.results / PROVENANCE)
    assert last.in_copy and not any(start.in_copy for start in starts)


def test_what_is_printed_makes_a_table_again(finished, tmp_path):
    lines = reproduction(finished.results / "tables" / "qa.md")
    assert f"# made by: {installed_code()}" in lines
    assert "make install" in lines and not any(line.startswith("# by several") for line in lines)
    *_, make_folder, copy, command = lines
    program, *arguments = shlex.split(command)
    assert program == "snakemake"
    clone = StudyFolder(tmp_path, finished.study)
    write_sources(clone.folder)
    for line in (make_folder, copy):
        subprocess.run(shlex.split(line), cwd=clone.folder, check=True)
    done = clone.printed(*arguments, "--dry-run", "--quiet=rules")
    assert done.returncode == 0, done.stderr
    assert {"finetune", "render_table"} < rules_of(done.stdout)
    table = finished.results / "tables" / "qa.md"
    for more in (["--dry-run"], ["--forcerun", "collect_runs", "render_table"]):
        before, made = table.read_bytes(), table.stat().st_mtime
        done = finished.printed(*arguments, *more)
        assert done.returncode == 0, done.stderr
        assert table.read_bytes() == before
        if "--dry-run" in more:
            assert "Nothing to be done" in done.stdout + done.stderr
        else:
            assert table.stat().st_mtime > made
