"""Artefacts: whole or absent, deterministic, and damage is named."""

import json
import os
import resource
import signal
import subprocess
import sys
from socket import gethostname

import pyarrow as pa
import pytest
import tokenizers
import torch
from safetensors.torch import save_file

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


@pytest.fixture
def small_disk():
    """No file may grow beyond 4 kB, which is what a full disk is like."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def as_text(path):
    path.write_text("a" * 100_000)


def as_arrow(path):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, LONG.schema) as writer:
        writer.write_table(LONG)


def as_safetensors(path):
    save_file({"a": torch.zeros(100_000)}, path)


def as_tokenizer(path):
    words = {f"word{i}": i for i in range(10_000)}
    tokenizers.Tokenizer(tokenizers.models.WordLevel(words, "word0")).save(str(path))


LONG = pa.table({"a": list(range(100_000))})
WRITERS = [as_text, as_arrow, as_safetensors, as_tokenizer]


@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk_is_one_line_that_names_the_file(tmp_path, small_disk, write):
    path = tmp_path / "file"
    with pytest.raises(ArtefactError) as refused, artefacts.atomic_path(path) as temporary:
        write(temporary)
    assert str(refused.value) == f"cannot write {path}: File too large"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk_leaves_no_half_directory(tmp_path, small_disk, write):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(ArtefactError) as refused, artefacts.atomic_directory(folder) as temporary:
        artefacts.write_text(temporary / "small", "fits")
        write(temporary / "file")
    assert str(refused.value) == f"cannot write {folder}: File too large"
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "old"]


def test_a_file_of_a_directory_is_named_as_it_will_be(tmp_path, small_disk):
    folder = tmp_path / "model"
    with pytest.raises(ArtefactError) as refused, artefacts.atomic_directory(folder) as temporary:
        artefacts.write_text(temporary / "manifest.json", "a" * 100_000)
    assert str(refused.value) == f"cannot write {folder / 'manifest.json'}: File too large"
    assert list(tmp_path.iterdir()) == []


def test_errors_of_other_files_and_of_the_work_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError), artefacts.atomic_directory(tmp_path / "model"):
        (tmp_path / "nowhere" / "input").read_text()
    with pytest.raises(ZeroDivisionError), artefacts.atomic_path(tmp_path / "file"):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_is_explained(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ArtefactError, match=r"file/inside\.txt"):
        artefacts.write_text(tmp_path / "file" / "inside.txt", "x")
    with pytest.raises(ArtefactError, match=r"cannot write .*deep/down\.txt: Not a directory"):
        artefacts.write_text(tmp_path / "file" / "deep" / "down.txt", "x")


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


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_writes_is_not(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = f"{gethostname()}.{dead.pid}"
    left_file, left_folder = (tmp_path / f".{name}.{here}.tmp" for name in ("a.json", "b"))
    live = (f".a.json.{gethostname()}.{os.getppid()}", f".a.json.elsewhere.{dead.pid}")
    kept = [tmp_path / f"{name}.tmp" for name in (*live, f".other.{here}")]
    for file in (left_file, left_folder / "weights", *kept):
        file.parent.mkdir(exist_ok=True)
        file.write_text("half of it")
    artefacts.write_json(tmp_path / "a.json", 1)
    with artefacts.atomic_directory(tmp_path / "b"):
        pass
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a.json", tmp_path / "b", *kept])
