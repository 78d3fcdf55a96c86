"""Tasks that a network can learn from, and those without contexts."""

import pytest

from maskpolicy.artefacts import read_json
from maskpolicy.errors import InputError
from maskpolicy.sources.base import Example
from maskpolicy.tasks.contexts import check_contexts
from maskpolicy.tasks.seq2seq import write_examples


def write(path, *contexts):
    write_examples(path, [Example(f"{i}", c, "?", "a", ("a",)) for i, c in enumerate(contexts)])


def test_contexts_of_the_splits_that_teach_are_counted(tmp_path):
    write(tmp_path / "train.arrow", "One.", "", "Two.")
    write(tmp_path / "dev.arrow", "Three.", "")
    check_contexts(tmp_path, "qa", "meta-qa", tmp_path / "contexts.json")
    assert read_json(tmp_path / "contexts.json") == {
        "network": "meta-qa",
        "task": "qa",
        "contexts": {"train": 2, "dev": 1},
    }


@pytest.mark.parametrize("lacking", ["train", "dev"])
def test_a_task_without_contexts_is_refused_by_the_key_of_the_network(tmp_path, lacking):
    for split in ("train", "dev"):
        write(tmp_path / f"{split}.arrow", *(["", ""] if split == lacking else ["One."]))
    message = f"^networks.meta-qa.task: 'qa' has no contexts to learn from in its {lacking} split"
    with pytest.raises(InputError, match=message):
        check_contexts(tmp_path, "qa", "meta-qa", tmp_path / "contexts.json")
    assert not (tmp_path / "contexts.json").exists()
