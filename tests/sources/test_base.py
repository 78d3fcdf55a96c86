"""What sources share: files of a pattern, splits that are not empty, ids where there are none."""

from pathlib import Path

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import file_stem, files_at
from maskpolicy.sources.nq_open import Seq2SeqExamples


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("own.jsonl", "own"),
        ("own.jsonl.gz", "own"),
        ("NQ-open.train.jsonl", "NQ-open.train"),
        ("c4-train.00001-of-00512.json.zst", "c4-train.00001-of-00512"),
        ("own.jsonl.GZ", "own"),
        ("own", "own"),
    ],
)
def test_only_the_endings_of_format_and_compression_are_left_out(name, stem):
    assert file_stem(Path("a.folder") / name) == stem


def test_only_a_star_stands_for_other_files(tmp_path):
    for name in ("a[1].txt", "a1.txt", "b?.txt", "bc.txt", "c*.txt", "cd.txt"):
        (tmp_path / name).touch()
    (tmp_path / "d[1]").mkdir()
    (tmp_path / "d[1]" / "e.txt").touch()

    def found(pattern: str) -> list[str]:
        return [str(path.relative_to(tmp_path)) for path in files_at(f"{tmp_path}/{pattern}")]

    assert found("a[1]*") == ["a[1].txt"]
    assert found("b?*") == ["b?.txt"]
    assert found("d[1]/*.txt") == ["d[1]/e.txt"]
    assert found("c*.txt") == ["c*.txt"]  # a file of that very name
    assert found("*a1.txt") == ["a1.txt"]


def test_a_file_without_any_example_is_named(tmp_path):
    (tmp_path / "train.jsonl").write_text('{"question": "who?", "answer": ["Ann"]}\n')
    (tmp_path / "dev.jsonl").write_text("\n")
    paths = {split: str(tmp_path / f"{split}.jsonl") for split in ("train", "dev")}
    with pytest.raises(ArtefactError, match=r"dev\.jsonl: no example in it"):
        Seq2SeqExamples(source="nq-open", **paths).splits()
