import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskpolicy.arrow_files import write_table
from maskpolicy.artefacts import read_json
from maskpolicy.corpora.documents import DOCUMENT_SCHEMA
from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.tasks.seq2seq import (
    EXAMPLE_SCHEMA,
    SPLITS,
    prepare_task,
    read_examples,
    read_qa_pairs,
    split_examples,
)
from maskpolicy.tasks.specs import QaPairs, QaTask


def task(path: Path | str = "own.jsonl", **values) -> QaTask:
    return QaTask(examples=QaPairs(source="qa-pairs", path=str(path)), corpus="own", **values)


def examples(n: int) -> list[Example]:
    return [Example(f"ke/{i}", "", f"what is {i}?", str(i), (str(i),)) for i in range(n)]


def jsonl(tmp_path: Path, *values) -> Path:
    path = tmp_path / "own.jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path


@pytest.fixture
def documents(tmp_path) -> Path:
    columns = {"document": [0], "title": ["Kenya"], "text": ["Capital: Nairobi."]}
    write_table(tmp_path / "documents.arrow", pa.Table.from_pydict(columns, schema=DOCUMENT_SCHEMA))
    return tmp_path / "documents.arrow"


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 60), st.integers(0, 3), st.randoms())
def test_splits_have_exact_sizes_and_do_not_depend_on_the_order(n, seed, random):
    own = examples(n)
    spec = task(dev=0.2, test=0.3, split_seed=seed)
    splits = split_examples(own, spec)
    assert {s: len(splits[s]) for s in SPLITS} == {
        "test": round(0.3 * n),
        "dev": round(0.2 * n),
        "train": n - round(0.3 * n) - round(0.2 * n),
    }
    dealt = [example.id for some in splits.values() for example in some]
    assert sorted(dealt) == sorted(example.id for example in own)
    random.shuffle(own)
    assert split_examples(own, spec) == splits


def test_another_seed_makes_another_split():
    first, second = (split_examples(examples(50), task(split_seed=seed)) for seed in (0, 1))
    assert first["test"] != second["test"]


def test_splits_are_pinned():
    splits = split_examples(examples(10), task(dev=0.2, test=0.2))
    assert [example.id for example in splits["test"]] == ["ke/0", "ke/4"]


def test_repeated_ids_are_refused():
    with pytest.raises(ArtefactError, match="share their id with another, as 'ke/1'"):
        split_examples([*examples(3), examples(3)[1]], task())


def test_a_task_is_three_splits_and_a_manifest(tmp_path, documents):
    rows = [
        {"question": f"q{i}?", "answers": [f"a{i}", "b"], "context": "Kenya. Capital: Nairobi."}
        for i in range(19)
    ]
    path = jsonl(tmp_path, *rows, {"question": "q19?", "answers": ["a19"], "id": "own"})
    prepare_task(task(path), documents, tmp_path / "task")
    splits = {split: read_examples(tmp_path / "task" / f"{split}.arrow") for split in SPLITS}
    assert {split: len(some) for split, some in splits.items()} == {
        "train": 14,
        "dev": 2,
        "test": 4,
    }
    every = {example.id: example for some in splits.values() for example in some}
    assert every["1"] == Example("1", "Kenya. Capital: Nairobi.", "q0?", "a0", ("a0", "b"))
    assert every["own"] == Example("own", "", "q19?", "a19", ("a19",))
    manifest = read_json(tmp_path / "task" / "manifest.json")
    assert set(manifest["files"]) == {"train.arrow", "dev.arrow", "test.arrow"}
    assert sum(manifest["splits"][split]["context_in_corpus"] for split in SPLITS) == 19
    assert manifest["splits"]["test"]["relations"] == {"any": 4}


def test_preparing_again_gives_the_same_bytes(tmp_path, documents):
    rows = [{"question": f"q{i}?", "answers": ["a"]} for i in range(20)]
    path = jsonl(tmp_path, *rows)
    for name in ("one", "two"):
        prepare_task(task(path), documents, tmp_path / name)
    for file in ("train.arrow", "dev.arrow", "test.arrow", "manifest.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_an_empty_split_is_refused(tmp_path, documents):
    path = jsonl(tmp_path, {"question": "q?", "answers": ["a"]})
    with pytest.raises(ArtefactError, match="the dev split of 1 examples would be empty"):
        prepare_task(task(path), documents, tmp_path / "task")
    assert not (tmp_path / "task").exists()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"answers": ["a"]}, "'question' is missing"),
        ({"question": 3, "answers": ["a"]}, "'question' does not hold a string"),
        ({"question": "q?"}, "'answers' is not a list of at least one string"),
        ({"question": "q?", "answers": []}, "'answers' is not a list"),
        ({"question": "q?", "answers": ["a", " "]}, "'answers' is not a list"),
        ({"question": "q?", "answers": "a"}, "'answers' is not a list"),
        ({"question": "q?", "answers": ["a"], "context": 1}, "'context' does not hold a string"),
    ],
)
def test_a_bad_pair_is_named(tmp_path, value, said):
    path = jsonl(tmp_path, {"question": "q?", "answers": ["a"]}, value)
    with pytest.raises(ArtefactError, match=rf"own\.jsonl, line 2: .*{said}"):
        read_qa_pairs(path)


def test_a_damaged_split_is_named(tmp_path):
    (tmp_path / "test.arrow").write_bytes(b"ARROW1\0\0")
    with pytest.raises(ArtefactError, match=r"test\.arrow is damaged"):
        read_examples(tmp_path / "test.arrow")
    assert EXAMPLE_SCHEMA.names == ["id", "context", "source", "target", "answers"]
