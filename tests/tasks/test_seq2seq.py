"""Seq2seq tasks: exact splits that depend on ids and nothing else."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.sources.base import SPLITS, Example, Seq2SeqExamples
from maskpolicy.tasks.seq2seq import (
    EXAMPLE_SCHEMA,
    prepare_seq2seq,
    read_examples,
    split_examples,
)
from maskpolicy.tasks.specs import Seq2SeqTask


class Given(Seq2SeqExamples):
    """A source that yields what it is made of."""

    given: dict[str, list[Example]]

    def splits(self) -> dict[str, list[Example]]:
        return self.given


def task(train: list[Example], **own: list[Example]) -> Seq2SeqTask:
    return Seq2SeqTask(examples=Given(source="given", given={"train": train, **own}))


def examples(n: int, name="ke") -> list[Example]:
    return [Example(f"{name}/{i}", "", f"what is {i}?", str(i), (str(i),)) for i in range(n)]


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 60), st.integers(0, 3), st.randoms())
def test_splits_have_exact_sizes_and_do_not_depend_on_the_order(n, seed, random):
    own = examples(n)
    splits = split_examples(own, 0.2, 0.3, seed)
    assert {s: len(splits[s]) for s in SPLITS} == {
        "test": round(0.3 * n),
        "dev": round(0.2 * n),
        "train": n - round(0.3 * n) - round(0.2 * n),
    }
    dealt = [example.id for some in splits.values() for example in some]
    assert sorted(dealt) == sorted(example.id for example in own)
    random.shuffle(own)
    assert split_examples(own, 0.2, 0.3, seed) == splits


def questions_of(some: list[Example]) -> set[str]:
    return {example.source.lower() for example in some}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 9), st.randoms())
def test_a_question_that_is_given_twice_is_in_one_split(seed, random):
    """The 100 questions given twice of which 23 of 34 in test were in train, too."""
    twice = [replace(e, id=f"again/{e.id}", source=e.source.upper()) for e in examples(100)]
    own = [*examples(100), *twice]
    splits = split_examples(own, 0.1, 0.17, seed)
    assert {split: len(some) for split, some in splits.items()} == {
        "train": 146,
        "dev": 20,
        "test": 34,
    }
    found = [questions_of(splits[split]) for split in SPLITS]
    assert not (found[0] & found[1] or found[0] & found[2] or found[1] & found[2])
    random.shuffle(own)
    assert split_examples(own, 0.1, 0.17, seed) == splits


def test_a_group_is_in_one_split():
    own = [replace(example, group=f"{i // 4}") for i, example in enumerate(examples(80))]
    splits = split_examples(own, 0.2, 0.2, 0)
    assert {split: len(some) for split, some in splits.items()} == {
        "train": 48,
        "dev": 16,
        "test": 16,
    }
    for some in splits.values():
        assert set(Counter(example.group for example in some).values()) == {4}


def test_repeated_questions_are_counted(tmp_path):
    again = [replace(e, id=f"test/{e.id}") for e in examples(3)]
    facts = prepare_seq2seq(task(examples(20), test=again), tmp_path)
    assert facts["repeats"] == {"repeated": 3, "shared": {"dev": 0, "test": 3}}
    facts = prepare_seq2seq(task(examples(20)), tmp_path)
    assert facts["repeats"] == {"repeated": 0, "shared": {"dev": 0, "test": 0}}


def test_another_seed_makes_another_split():
    first, second = (split_examples(examples(50), 0.1, 0.2, seed) for seed in (0, 1))
    assert first["test"] != second["test"]


def test_splits_are_pinned():
    splits = split_examples(examples(10), 0.2, 0.2, 0)
    assert [example.id for example in splits["test"]] == ["ke/0", "ke/4"]


def test_splits_are_written_and_their_relations_counted(tmp_path):
    own = [Example("1", "A passage.", "q?", "a", ("a", "b")), *examples(19)]
    facts = prepare_seq2seq(task(own), tmp_path)
    splits = {split: read_examples(tmp_path / f"{split}.arrow") for split in SPLITS}
    assert splits == split_examples(own, 0.1, 0.2, 0)
    counts = {split: len(some) for split, some in splits.items()}
    assert counts == {"train": 14, "dev": 2, "test": 4}
    assert {split: facts["splits"][split]["examples"] for split in SPLITS} == counts
    relations = [facts["splits"][split]["relations"] for split in SPLITS]
    assert sum(some.get("any", 0) for some in relations) == 1
    assert sum(n for some in relations for n in some.values()) == 20


def test_a_split_that_the_source_tells_apart_is_not_dealt(tmp_path):
    own = examples(3, "test")
    prepare_seq2seq(task(examples(20), test=own), tmp_path)
    assert read_examples(tmp_path / "test.arrow") == own
    dealt = [len(read_examples(tmp_path / f"{split}.arrow")) for split in ("train", "dev")]
    assert dealt == [18, 2]


def test_repeated_ids_are_refused(tmp_path):
    with pytest.raises(ArtefactError, match="1 example shares its id with another, as 'ke/1'"):
        prepare_seq2seq(task([*examples(9), examples(3)[1]]), tmp_path)
    with pytest.raises(ArtefactError, match="2 examples share their id with another"):
        prepare_seq2seq(task(examples(9), test=examples(2)), tmp_path)


def test_a_target_is_among_its_choices(tmp_path):
    own = [replace(e, choices=("5", e.target)) for e in examples(20)]
    prepare_seq2seq(task(own), tmp_path)
    assert all(e.target in e.choices for e in read_examples(tmp_path / "train.arrow"))
    own[7] = replace(own[7], choices=("yes", "no"))
    with pytest.raises(ArtefactError, match=r"example ke/7: the target '7' is none of its choices"):
        prepare_seq2seq(task(own), tmp_path)


def test_an_empty_split_is_refused(tmp_path):
    message = r"`dev`: the dev split would be empty \(examples: 1 train, 0 dev, 0 test\)"
    with pytest.raises(InputError, match=message):
        prepare_seq2seq(task(examples(1)), tmp_path)


def test_a_damaged_split_is_named(tmp_path):
    (tmp_path / "test.arrow").write_bytes(b"ARROW1\0\0")
    with pytest.raises(ArtefactError, match=r"test\.arrow is damaged"):
        read_examples(tmp_path / "test.arrow")
    assert EXAMPLE_SCHEMA.names == [
        *("id", "context", "source", "target", "answers", "choices", "cluster")
    ]
