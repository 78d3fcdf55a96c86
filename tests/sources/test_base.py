"""What sources share: the ids of examples that have none."""

from pathlib import Path

import pytest

from maskpolicy.sources.base import file_stem


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("own.jsonl", "own"),
        ("own.jsonl.gz", "own"),
        ("NQ-open.train.jsonl", "NQ-open.train"),
        ("c4-train.00001-of-00512.json.zst", "c4-train.00001-of-00512"),
        ("own", "own"),
    ],
)
def test_only_the_endings_of_format_and_compression_are_left_out(name, stem):
    assert file_stem(Path("a.folder") / name) == stem
