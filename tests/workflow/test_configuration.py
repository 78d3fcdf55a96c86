"""What was planned is what is run, whatever becomes of the configuration meanwhile."""

import json
from copy import deepcopy
from threading import Thread
from time import monotonic, sleep

from support.study_folder import StudyFolder

from maskpolicy.study.loading import CONFIGURATION

from .conftest import small_study, write_sources

LISTED = "results/study/tables/qa.files.json"


def test_an_edit_during_a_run_changes_nothing_of_it(tmp_path):
    """`list_files` has its own process, which reads the configuration as jobs on a cluster do."""
    write_sources(tmp_path)
    study = StudyFolder(tmp_path, small_study())
    planned = study.results / CONFIGURATION

    def edit_when_started() -> None:
        end = monotonic() + 60
        while not planned.exists() and monotonic() < end:
            sleep(0.01)
        (tmp_path / "study.yaml").write_text("seeds: nothing that is a study\n")

    editing = Thread(target=edit_when_started)
    editing.start()
    documents = "results/study/corpora/facts/documents.json"
    done = study.snakemake("--cores", "1", "--", documents, LISTED)
    editing.join()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing that is" in (tmp_path / "study.yaml").read_text(), "it was edited meanwhile"
    assert json.loads(planned.read_text())["seeds"] == study.study["seeds"]
    assert (tmp_path / LISTED).exists()


def test_the_next_run_reads_what_was_edited(tmp_path):
    write_sources(tmp_path)
    study = StudyFolder(tmp_path, small_study())
    first = study.snakemake("--cores", "1", "--", LISTED)
    assert first.returncode == 0, first.stderr
    before = json.loads((tmp_path / LISTED).read_text())
    study.study = deepcopy(study.study)
    study.study["tables"]["qa"]["arms"] = ["none", "rand"]
    again = study.snakemake("--cores", "1", "--", LISTED)
    assert again.returncode == 0, again.stderr
    assert json.loads((tmp_path / LISTED).read_text()) != before
