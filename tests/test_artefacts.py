"""Artefacts: whole or absent, deterministic, and damage is named."""

import errno
import json

import pytest

from maskpolicy import artefacts
from maskpolicy.errors import ArtefactError


def test_a_file_appears_only_when_whole(tmp_path):
    path = tmp_path / "folder" / "file.txt"
    with pytest.raises(RuntimeError), artefacts.atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(path.parent.iterdir()) == []
    artefacts.write_text(path, "whole")
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_directory_is_replaced_as_a_whole(tmp_path):
    folder = tmp_path / "model"
    with artefacts.atomic_directory(folder) as temporary:
        (temporary / "old").touch()
    with pytest.raises(RuntimeError), artefacts.atomic_directory(folder) as temporary:
        (temporary / "half").touch()
        raise RuntimeError
    assert [path.name for path in folder.iterdir()] == ["old"]
    with artefacts.atomic_directory(folder) as temporary:
        (temporary / "new").touch()
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_full_disk_is_explained(tmp_path):
    path = tmp_path / "file.txt"
    explained = pytest.raises(ArtefactError, match=rf"cannot write {path}: No space left on device")
    with explained, artefacts.atomic_path(path) as temporary:
        temporary.write_text("some")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_is_explained(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArtefactError, match=r"file/inside\.txt"):
        artefacts.write_text(tmp_path / "file" / "inside.txt", "x")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"nowhere\.json"):
        artefacts.read_json(tmp_path / "nowhere.json")


def test_broken_json_is_named(tmp_path):
    (tmp_path / "x.json").write_text('{"a": 1,\n oops}')
    with pytest.raises(ArtefactError, match=r"x\.json is not valid JSON.*line 2"):
        artefacts.read_json(tmp_path / "x.json")


def test_a_manifest_has_hashes_and_facts_and_no_time(tmp_path):
    (tmp_path / "data").mkdir()
    file = tmp_path / "data" / "a.txt"
    file.write_text("abc")
    artefacts.write_manifest(tmp_path / "one.json", [file], rows=3)
    artefacts.write_manifest(tmp_path / "two.json", [file], rows=3)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180, "abc"
    assert json.loads((tmp_path / "one.json").read_text()) == {
        "files": {"data/a.txt": {"sha256": digest, "bytes": 3}},
        "rows": 3,
    }
