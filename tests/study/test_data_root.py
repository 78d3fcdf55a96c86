"""`data_root`: the folder that relative paths of a study are relative to."""

from pathlib import Path

import pytest
import yaml
from support.configurations import ROOT
from support.releases import write_releases
from typer.testing import CliRunner

from maskpolicy import cli
from maskpolicy.study.loading import ConfigError, Study, load_study

NATIVE = ROOT / "workflow/studies/native.yaml"


def with_paths(study: dict, root: object) -> dict:
    """A study that names a path of every section, all relative but one."""
    study["data_root"] = root
    study["corpora"]["factbook"]["documents"] = {"source": "text", "path": "texts/*.txt"}
    study["knowledge"] = {"kilt": {"path": "pages.json"}}
    files = {"train": "train.jsonl", "dev": "/elsewhere/dev.jsonl", "test": "~/test.jsonl"}
    study["tasks"]["mine"] = {"examples": {"source": "own-labels", **files}}
    study["networks"]["supervised-qa"] |= {"targets": "sentences", "oracle": "oracle.jsonl"}
    study["tokenizers"]["bpe-4k"] = {"pretrained": "./bart"}
    study["models"]["bart-mini"] = {"tokenizer": "bpe-4k", "pretrained": "facebook/bart-base"}
    return study


def test_relative_paths_of_every_section_are_relative_to_it(default, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    paths = Study.load(with_paths(default, "~/data")).named_paths()
    root = f"{tmp_path}/home/data"
    assert {".".join(key): path for key, path in paths.items()} == {
        "corpora.factbook.documents.path": f"{root}/texts/*.txt",
        "knowledge.kilt.path": f"{root}/pages.json",
        "tasks.mine.examples.train": f"{root}/train.jsonl",
        "tasks.mine.examples.dev": "/elsewhere/dev.jsonl",
        "tasks.mine.examples.test": f"{tmp_path}/home/test.jsonl",
        "tokenizers.bpe-4k.pretrained": f"{root}/bart",
        "networks.supervised-qa.oracle": f"{root}/oracle.jsonl",
    }


def test_a_name_of_a_model_is_a_folder_where_there_is_one(default, tmp_path):
    study = with_paths(default, str(tmp_path))
    study["tokenizers"]["bpe-4k"] = {"pretrained": "facebook/bart-base"}
    assert Study.load(study).models["bart-mini"].pretrained == "facebook/bart-base"
    folder = tmp_path / "facebook/bart-base"
    folder.mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        (folder / name).write_text("{}")
    assert Study.load(study).models["bart-mini"].pretrained == str(folder)
    assert Study.load(study).tokenizers["bpe-4k"].pretrained == str(folder)


@pytest.mark.parametrize(
    ("root", "message"),
    [
        (5, "data_root: Input should be a valid string, not 5"),
        (["data"], r"data_root: Input should be a valid string, not \['data'\]"),
        ("", "data_root: String should have at least 1 character, not ''"),
    ],
)
def test_what_is_no_folder_is_refused_by_its_key(default, root, message):
    with pytest.raises(ConfigError, match=f"^{message}$"):
        Study.load(with_paths(default, root))


def test_a_folder_that_is_not_there_is_said_once_and_others_by_their_keys(default, tmp_path):
    root = str(tmp_path / "no")
    assert Study.load(with_paths(default, root)).missing_files() == [
        f"data_root: no folder {root!r}, where these are sought:"
        " corpora.factbook.documents.path, knowledge.kilt.path, tasks.mine.examples.train,"
        " … (5 in all)",
        "tasks.mine.examples.dev: no file or folder '/elsewhere/dev.jsonl'",
        f"tasks.mine.examples.test: no file or folder '{Path.home()}/test.jsonl'",
    ]


def test_without_what_is_sought_in_it_a_missing_folder_is_none_to_say(default):
    assert Study.load({**default, "data_root": "no"}).missing_files() == []
    study = Study.load(with_paths(default, "no"))
    assert study.missing_files(("tasks.mine.",))[0] == (
        "data_root: no folder 'no', where these are sought: tasks.mine.examples.train"
    )


def test_the_shipped_study_reads_releases_where_they_are(tmp_path, monkeypatch):
    write_releases(tmp_path / "releases")
    monkeypatch.chdir(tmp_path)
    study = load_study(NATIVE, "releases")
    assert study.name == "native"
    assert study.missing_files() == []
    splits = {name: task.examples.splits() for name, task in study.tasks.items()}
    assert {name: list(some) for name, some in splits.items()} == {
        "nq-open": ["train"],
        "webquestions": ["train", "dev", "test"],
        "ropes": ["train", "dev"],
        "quartz": ["train", "dev", "test"],
        "cnn-dm": ["train", "dev"],
        "acl-arc": ["train", "dev", "test"],
        "rte": ["train", "dev"],
        "mr": ["train"],
    }
    assert all(examples for some in splits.values() for examples in some.values())
    assert len(list(study.corpora["wikitext"].documents.documents())) == 16


def test_check_study_takes_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(cli.app, ["check-study", str(NATIVE)]).output
    assert "Before a run this is wanted: data_root: no folder 'data', where" in shown
    write_releases(tmp_path / "releases")
    command = ["check-study", str(NATIVE), "--data-root", "releases"]
    assert CliRunner().invoke(cli.app, command).output == f"{NATIVE}: 4 tables, no mistakes found\n"


def test_other_studies_have_paths_as_they_are_written(default):
    default["corpora"]["factbook"]["documents"] = {"source": "text", "path": "a/../b.txt"}
    assert Study.load(default).corpora["factbook"].documents.path == "a/../b.txt"
    assert "data_root" not in yaml.safe_load((ROOT / "config.yaml").read_text())
