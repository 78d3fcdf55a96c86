"""A policy in a file of the user's own, from the configuration to its masks."""

import json
import re

from support.study_folder import StudyFolder

FILE = """
import numpy as np

from maskpolicy.decisions.base import Decisions
from maskpolicy.policies.base import PolicySpec


class Everything(PolicySpec):
    def decide(self, batch, address):
        return Decisions(np.ones(len(batch.input_ids), np.bool_))
"""
STOPPED = """
import sys
from time import sleep

import psutil

from maskpolicy.policies.base import PolicySpec


class Everything(PolicySpec):
    def decide(self, batch, address):
        own = psutil.Process()
        for other in own.parent().children(recursive=True):
            if other != own:
                other.terminate()  # as a scheduler does, who sends it to all of a job
        sleep(0.5)
        print("its last words", file=sys.stderr)
        raise SystemExit(143)
"""
STUDY = {
    "corpora": {
        "words": {
            "documents": {"source": "text", "path": "words.txt"},
            "sequence_length": 16,
            "shards": 1,
        }
    },
    "tokenizers": {"bpe": {"train_on": ["words"], "vocabulary_size": 300}},
    "models": {},
    "policies": {
        "all": {"decide": {"kind": "my_policies:Everything"}},
        "rand": {"decide": {"kind": "rand"}},
    },
}


def test_the_log_of_a_job_that_is_stopped_has_its_last_words(tmp_path):
    (tmp_path / "words.txt").write_text("Some words to mask.\n")
    (tmp_path / "my_policies.py").write_text(STOPPED)
    target = "results/study/masks/words/bpe/all/manifest.json"
    assert StudyFolder(tmp_path, STUDY).snakemake("--cores", "1", target).returncode == 1
    log = tmp_path / "results/study/logs/mask_corpus/words/bpe/all.log"
    assert log.read_text().endswith("its last words\n")


def test_an_interrupted_job_keeps_what_it_masked_and_a_forced_one_nothing(tmp_path):
    (tmp_path / "words.txt").write_text("Some words to mask.\n\nAnd some more of them.\n")
    (tmp_path / "my_policies.py").write_text(FILE)
    study = StudyFolder(tmp_path, STUDY)
    target = "results/study/masks/words/bpe/rand/manifest.json"
    made = study.snakemake("--cores", "2", target)
    (tmp_path / target).unlink()
    again = study.snakemake("--cores", "2", target)
    assert "rand, shard-0: is there, and kept" in again.stdout + again.stderr
    forced = study.snakemake("--cores", "2", "--forcerun", "mask_corpus", "--", target)
    assert made.returncode == again.returncode == forced.returncode == 0
    for done in (made, forced):
        assert re.search(r"rand, shard-0: [\d.]+ % masked", done.stdout + done.stderr)


def test_masks_are_made_anew_when_the_file_changes_and_only_then(tmp_path):
    (tmp_path / "words.txt").write_text("Some words to mask.\n\nAnd some more of them.\n")
    (tmp_path / "my_policies.py").write_text(FILE)
    study = StudyFolder(tmp_path, STUDY)
    own, other = (
        f"results/study/masks/words/bpe/{name}/manifest.json" for name in ("all@control", "rand")
    )
    # -P: as the installed program starts, without the working directory on the path.
    done = study.snakemake("--cores", "2", own, other, python=("-P",))
    assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads((tmp_path / own).read_text())
    assert made["masked_tokens"] == made["tokens"] > 0
    assert study.planned(own, other) == set()
    (tmp_path / "my_policies.py").write_text(FILE + "\n")
    assert study.planned(other) == set()
    assert study.planned(own) == {"mask_corpus", "match_corpus"}
