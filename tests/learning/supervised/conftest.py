"""A checkpoint and a task small enough to learn in a second."""

from pathlib import Path

import pytest


@pytest.fixture
def checkpoint(make_tiny_bart, tmp_path) -> Path:
    folder = tmp_path / "checkpoint"
    make_tiny_bart(vocab_size=320).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def task(make_task) -> Path:
    return make_task(train=48, dev=16, test=16)
