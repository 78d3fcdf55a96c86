"""Results of finished trainings: taken once more where Snakemake has deleted them."""

import os
import shutil

import pytest

from maskpolicy.artefacts import write_manifest
from maskpolicy.training import kept_results
from maskpolicy.training.kept_results import KeptResult, forget_results


@pytest.fixture
def output(tmp_path):
    folder = tmp_path / "models" / "seed-0"
    (folder / "step-2").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "step-2" / "model.safetensors").write_bytes(b"earlier weights")
    write_manifest(folder / "manifest.json", sorted(folder.rglob("*.safetensors")))
    return folder


def contents(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_a_deleted_result_is_taken_again(tmp_path, output):
    before = contents(output)
    kept = KeptResult(tmp_path / "states" / "0", "a" * 64)
    kept.keep(output)
    shutil.rmtree(output)
    assert kept.take(output, "t")
    assert contents(output) == before


def test_what_is_kept_takes_no_disk(tmp_path, output):
    kept = KeptResult(tmp_path / "states" / "0", "a" * 64)
    kept.keep(output)
    assert (output / "model.safetensors").samefile(kept.folder / "seed-0" / "model.safetensors")


def test_a_file_system_without_links_has_a_copy(tmp_path, output, monkeypatch):
    def refuse(*_):
        raise PermissionError("no links here")

    monkeypatch.setattr(kept_results.os, "link", refuse)
    kept, before = KeptResult(tmp_path / "states" / "0", "a" * 64), contents(output)
    kept.keep(output)
    shutil.rmtree(output)
    assert kept.take(output, "t")
    assert contents(output) == before


def test_a_training_of_something_else_finds_nothing(tmp_path, output):
    KeptResult(tmp_path / "states" / "0", "a" * 64).keep(output)
    assert not KeptResult(tmp_path / "states" / "0", "b" * 64).take(tmp_path / "other", "t")
    assert not (tmp_path / "other").exists()


def test_a_result_that_is_taken_is_as_new(tmp_path, output):
    kept = KeptResult(tmp_path / "states" / "0", "a" * 64)
    os.utime(output / "model.safetensors", (0, 0))
    kept.keep(output)
    made_again = tmp_path / "input"
    made_again.touch()
    kept.take(output, "t")
    assert (output / "model.safetensors").stat().st_mtime >= made_again.stat().st_mtime


def test_a_damaged_result_is_not_taken(tmp_path, output):
    """A link is of the same file: what damages the output damages it."""
    kept = KeptResult(tmp_path / "states" / "0", "a" * 64)
    kept.keep(output)
    with (output / "model.safetensors").open("r+b") as file:
        file.truncate(3)
    shutil.rmtree(output)
    assert not kept.take(output, "t")
    assert not output.exists() and not kept.folder.exists()


def test_a_result_may_be_one_file(tmp_path):
    output, kept = tmp_path / "search.json", KeptResult(tmp_path / "states" / "0", "a" * 64)
    output.write_text("{}")
    kept.keep(output)
    output.unlink()
    assert kept.take(output, "t") and output.read_text() == "{}"


def test_what_can_not_be_kept_is_no_error(tmp_path, output):
    (tmp_path / "states").touch()
    KeptResult(tmp_path / "states" / "0", "a" * 64).keep(output)


def test_a_state_of_what_is_called_so_is_no_result(tmp_path):
    unfinished = tmp_path / "states" / "networks" / "x.result" / "b.safetensors"
    unfinished.parent.mkdir(parents=True)
    unfinished.touch()
    forget_results(tmp_path / "states")
    assert unfinished.exists()


def test_forgetting_leaves_unfinished_states_and_no_empty_folder(tmp_path, output):
    states = tmp_path / "states"
    KeptResult(states / "models" / "0", "a" * 64).keep(output)
    KeptResult(states / "models" / "1", "a" * 64).keep(output)
    unfinished = states / "models" / "1" / "b.safetensors"
    unfinished.touch()
    forget_results(states)
    assert list(states.rglob("*")) == [states / "models", states / "models" / "1", unfinished]
    unfinished.unlink()
    KeptResult(states / "models" / "1", "a" * 64).keep(output)
    forget_results(states)
    assert not list(states.rglob("*"))
    forget_results(tmp_path / "nowhere")
