"""What `pretrained` names is known, and refused, before anything is loaded."""

import json
from pathlib import Path

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.pretrained import (
    known_positions,
    lacks_sentinels,
    local_folder,
    not_loaded,
    problem_of,
    refuse,
)

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 558000000\n"


@pytest.fixture
def folder(tmp_path):
    """A model and its tokenizer, by their files' names."""
    (tmp_path / "config.json").write_text('{"model_type": "bart", "max_position_embeddings": 64}')
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "tokenizer.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize("name", ["./bart", "/models/bart", "../bart", "~/bart", "models/my/bart"])
def test_what_only_a_path_can_be_is_a_folder(name):
    assert local_folder(name) == Path(name)
    assert problem_of(name) == f"no folder {name!r}"
    with pytest.raises(ArtefactError, match=r"cannot load the model .*: no folder"):
        refuse(name)


def test_what_exists_is_a_folder_and_all_else_a_hub_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("bart-base", "facebook/bart-base"):
        assert local_folder(name) is None and problem_of(name) is None
        (tmp_path / name).mkdir(parents=True)
        assert local_folder(name) == Path(name)


def test_of_a_hub_id_that_is_not_found_it_is_said_that_no_folder_is_there_either(folder):
    error = OSError("We couldn't connect\n to the hub.")
    assert str(not_loaded("models/nothere", error)) == (
        "cannot load the model models/nothere: We couldn't connect to the hub;"
        " and there is no folder models/nothere here"
    )
    assert str(not_loaded(folder, error, tokenizer=True)) == (
        f"cannot load the tokenizer {folder}: We couldn't connect to the hub."
    )


def test_a_whole_folder_has_no_problem(folder):
    assert problem_of(str(folder)) is None and problem_of(str(folder), tokenizer=True) is None


@pytest.mark.parametrize(
    ("file", "tokenizer"),
    [("model.safetensors", False), ("pytorch_model.bin", False), ("tokenizer.json", True)],
)
def test_a_pointer_in_the_place_of_a_file_is_named(folder, file, tokenizer):
    (folder / "model.safetensors").unlink()
    (folder / file).write_text(POINTER)
    problem = problem_of(str(folder), tokenizer=tokenizer)
    assert problem.startswith(f"{folder / file} is a pointer of Git LFS") and "\n" not in problem


def test_a_pointer_to_what_is_not_read_does_no_harm(folder):
    for file in ("pytorch_model.bin", "flax_model.msgpack", "spiece.model"):
        (folder / file).write_text(POINTER)
    assert problem_of(str(folder)) is None and problem_of(str(folder), tokenizer=True) is None


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("config.json", "has no config.json"),
        ("model.safetensors", "has no weights"),
        ("tokenizer.json", "has no tokenizer"),
    ],
)
def test_a_folder_without_its_files_is_none(folder, file, message):
    (folder / file).unlink()
    assert message in problem_of(str(folder), tokenizer=file == "tokenizer.json")


def test_positions_are_read_from_the_configuration(folder):
    assert known_positions(str(folder)) == 64
    roberta = {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}
    (folder / "config.json").write_text(json.dumps(roberta))
    assert known_positions(str(folder)) == 512
    (folder / "config.json").write_text('{"model_type": "t5"}')
    assert known_positions(str(folder)) is None
    assert known_positions("facebook/bart-base") is None


def test_sentinels_are_looked_for_where_the_tokenizer_can_be_read(folder):
    assert not lacks_sentinels(str(folder)), "it does not say"
    tokens = [{"id": 0, "content": "<pad>"}]
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": tokens}))
    assert lacks_sentinels(str(folder))
    tokens.append({"id": 1, "content": "<extra_id_0>"})
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": tokens}))
    assert not lacks_sentinels(str(folder))
    assert not lacks_sentinels("google/t5"), "nobody asked the hub"
