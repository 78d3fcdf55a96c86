"""The study over published formats: planned for a folder of releases, and run from raw files."""

import csv
import json
from collections.abc import Iterator

import pytest
import yaml
from support.releases import write_releases
from support.study_folder import ROOT, StudyFolder


@pytest.fixture
def study(tmp_path) -> Iterator[StudyFolder]:
    """The study in a folder beside its releases."""
    write_releases(tmp_path / "releases")
    native = yaml.safe_load((ROOT / "workflow/studies/native.yaml").read_text())
    return StudyFolder(tmp_path, native)


def test_a_folder_that_is_not_there_is_said_once(study):
    done = study.snakemake("--dry-run", "--quiet=rules")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("no folder 'data'") == 1
    done = study.snakemake("--cores", "1", "--config", "data_root=elsewhere")
    assert done.returncode != 0
    refused = "files of the configuration are missing\ndata_root: no folder 'elsewhere', where"
    assert refused in done.stdout + done.stderr
    assert not study.results.exists()


def test_it_is_planned_for_the_folder_that_is_given(study):
    done = study.snakemake("--dry-run", "--quiet=host", "-p", "--config", "data_root=releases")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "wanted" not in done.stderr
    assert "releases/wikitext-2/*.txt" in done.stdout
    assert "results/study/tables/classification.md" in done.stdout


def test_a_missing_file_is_named_by_its_key(study):
    (study.folder / "releases/glue/RTE/dev.tsv").unlink()
    target = "results/study/tables/classification.md"
    done = study.snakemake("--cores", "1", "--config", "data_root=releases", "--", target)
    assert done.returncode != 0
    refused = (
        "files of the configuration are missing\n"
        "tasks.rte.examples.dev: no file or folder 'releases/glue/RTE/dev.tsv'\n"
    )
    assert refused in done.stdout + done.stderr


def test_it_goes_from_raw_files_to_a_table(study):
    table = study.study["tables"]["passages"]
    study.study["tables"] = {"passages": table | {"arms": ["none", "supervised-top1"]}}
    study.study["seeds"]["finetuning"] = [0]
    study.study["corpora"]["wikitext"]["shards"] = 1
    study.study["tokenizers"]["bpe-4k"]["vocabulary_size"] = 400
    study.study["intermediate"]["wikitext"].update(steps=4, batch_size=4)
    study.study["finetuning"]["passages"].update(steps=4, batch_size=4)
    study.study["data_root"] = str(study.folder / "releases")
    study.finish()

    splits = {
        task: json.loads((study.results / f"tasks/{task}/manifest.json").read_text())
        for task in ("ropes", "quartz")
    }
    counts = {
        task: [split["examples"] for split in manifest["splits"].values()]
        for task, manifest in splits.items()
    }
    assert counts == {"ropes": [40, 100, 8], "quartz": [2, 2, 2]}
    assert splits["ropes"]["dev_as_test"]
    with (study.results / "tables/passages.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["arm"] for row in rows] == ["none", "supervised-top1", "(majority)"]
    assert all(row["quartz Choice"] and row["ropes EM"] for row in rows[:2])
