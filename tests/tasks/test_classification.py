"""Classification tasks: splits that keep texts together, and labels."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskpolicy.errors import InputError
from maskpolicy.sources.base import SPLITS, ClassificationExample
from maskpolicy.sources.own.labels import LabelledExamples
from maskpolicy.sources.tsv import LabelledExamples as TsvExamples
from maskpolicy.tasks.classification import (
    check_labels,
    prepare_classification,
    read_classification_examples,
    split_by_text,
    write_classification_examples,
)
from maskpolicy.tasks.specs import ClassificationTask
from maskpolicy.tasks.splits import sentences


def example(i, label="positive", text=None):
    return ClassificationExample(f"{i}", text or f"text {i}", None, label)


def labelled(path, labels):
    rows = ({"text": f"{path.stem} {i}", "label": label} for i, label in enumerate(labels))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def task(tmp_path, labels, **fields):
    """A task of one file, or with a `test` of its own."""
    files = {"train": labelled(tmp_path / "train.jsonl", labels)}
    if "test_labels" in fields:
        files["test"] = labelled(tmp_path / "test.jsonl", fields.pop("test_labels"))
    return ClassificationTask(examples=LabelledExamples(source="own-labels", **files), **fields)


def sizes(folder):
    return {s: len(read_classification_examples(folder / f"{s}.arrow")) for s in SPLITS}


def test_labels_of_a_regression_are_numbers(tmp_path):
    regression = {"dev": 0.2, "test": 0.3, "regression": True, "metrics": ("pearson",)}
    numbers = [i / 2 for i in range(10)]
    facts = prepare_classification(task(tmp_path, numbers, **regression), tmp_path)
    assert (facts["regression"], facts["splits"]) == (True, {"train": 5, "dev": 2, "test": 3})
    for wrong in ("five", "nan", "inf"):
        with pytest.raises(
            InputError, match=f"train.jsonl: .* example train-11: '{wrong}' is no number, as the"
        ):
            prepare_classification(task(tmp_path, [*numbers, wrong], **regression), tmp_path)


@given(
    texts=st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), min_size=1, max_size=60),
    dev=st.floats(0.05, 0.4),
    test=st.floats(0.05, 0.4),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=50)
def test_splits_share_no_text_and_lose_none(texts, dev, test, seed):
    examples = [example(i, text=text) for i, text in enumerate(texts)]
    splits = split_by_text(examples, dev, test, seed)
    assert sorted(e.id for some in splits.values() for e in some) == sorted(e.id for e in examples)
    found = [{e.text for e in splits[split]} for split in SPLITS]
    assert not (found[0] & found[1] or found[0] & found[2] or found[1] & found[2])
    most = max(Counter(texts).values())
    left = len(examples)
    for split, share in (("test", test), ("dev", dev)):
        wanted = round(share * len(examples))
        assert min(wanted, left) <= len(splits[split]) <= max(0, wanted + most - 1)
        left -= len(splits[split])
    shuffled = split_by_text(examples[::-1], dev, test, seed)
    for split in SPLITS:
        assert {e.id for e in splits[split]} == {e.id for e in shuffled[split]}


def test_another_seed_deals_other_splits():
    first, second = (split_by_text([*map(example, range(50))], 0.2, 0.2, seed) for seed in (0, 1))
    assert all(first[split] != second[split] for split in SPLITS)


def test_aspects_of_one_text_stay_together():
    examples = [
        ClassificationExample(f"{i}/{j}", aspect, f"text {i}", "positive")
        for i in range(30)
        for j, aspect in enumerate(("food", "price"))
    ]
    splits = split_by_text(examples, 0.2, 0.2, 0)
    assert {split: len(some) for split, some in splits.items()} == {
        "train": 36,
        "dev": 12,
        "test": 12,
    }
    assert all(n == 2 for some in splits.values() for n in Counter(e.pair for e in some).values())


def test_texts_that_differ_in_case_and_marks_only_stay_together():
    examples = [
        example(f"{i}/{j}", text=text)
        for i in range(30)
        for j, text in enumerate((f"Text {i}", f" text  {i}.", f"TEXT {i}?!"))
    ]
    for some in split_by_text(examples, 0.2, 0.2, 0).values():
        assert some
        assert set(Counter(e.id.split("/")[0] for e in some).values()) == {3}


def test_pairs_that_several_files_hold_are_counted_and_kept(tmp_path):
    files = {}
    for split, pairs in {
        "train": [("a", "x"), ("a", "y"), ("b", "x"), ("A.", "x")],
        "dev": [("a", "y"), ("c", "x")],
        "test": [("c", "X"), ("d", "x")],
    }.items():
        rows = [{"text": a, "pair": b, "label": i % 2} for i, (a, b) in enumerate(pairs)]
        files[split] = str(tmp_path / f"{split}.jsonl")
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    source = LabelledExamples(source="own-labels", pair_field="pair", **files)
    facts = prepare_classification(ClassificationTask(examples=source), tmp_path)
    assert facts["repeats"] == {"repeated": 3, "shared": {"dev": 1, "test": 1}}
    assert sizes(tmp_path) == {"train": 4, "dev": 2, "test": 2}
    assert list(sentences(facts, sizes(tmp_path))) == [
        "3 of 8 examples repeat another one",
        "1 of 2 dev examples is in train, too",
        "1 of 2 test examples is in train or dev, too",
    ]


def test_groups_that_several_files_hold_are_counted_and_kept(tmp_path):
    files = {}
    for split, authors in {"train": "aab", "dev": "bc", "test": "acd"}.items():
        rows = [
            {"text": f"{split} {i}", "label": i % 2, "author": author}
            for i, author in enumerate(authors)
        ]
        files[split] = str(tmp_path / f"{split}.jsonl")
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    source = LabelledExamples(source="own-labels", group_field="author", **files)
    facts = prepare_classification(ClassificationTask(examples=source), tmp_path)
    assert facts["repeats"] == {
        "repeated": 0,
        "shared": {"dev": 0, "test": 0},
        "groups": {"dev": 1, "test": 2},
    }
    assert list(sentences(facts, sizes(tmp_path))) == [
        "1 of 2 dev examples is of a group that is in train, too",
        "2 of 3 test examples are of a group that is in train or dev, too",
    ]


def test_labels_that_train_lacks_are_counted():
    splits = {
        "train": [example(0), example(1, "negative")],
        "dev": [example(2, "neutral"), example(3)],
    }
    message = r"no example of neutral \(train: 1 negative, 1 positive; dev: 1 neutral, 1 positive\)"
    with pytest.raises(InputError, match=message):
        check_labels(splits)
    with pytest.raises(InputError, match=r"fewer than two labels \(train: 1 positive\)"):
        check_labels({"train": [example(0)]})
    assert check_labels({"train": splits["train"]}) == ("negative", "positive")


def test_a_regression_that_was_forgotten_is_told(tmp_path):
    numbers = [i / 2 for i in range(1000)]
    with pytest.raises(InputError) as error:
        prepare_classification(task(tmp_path, numbers), tmp_path)
    told = str(error.value)
    assert told.startswith("the train split has no example of ")
    assert told.endswith("; did you mean `regression: true`?")
    assert len(told) < 400
    scores = {"train": [example(i, f"{i % 50 / 10}") for i in range(200)]}
    with pytest.raises(
        InputError, match=r"has 50 labels, all of them numbers .*`regression: true`"
    ):
        check_labels(scores)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["Yes", "no", "yes"], "'Yes' and 'yes'"),
        (["very  good", "bad", "very good"], "'very  good' and 'very good'"),
        (["caf\u00e9", "cafe\u0301", "bar"], "'cafe\u0301' and 'caf\u00e9'"),
        (["1", "0", "1.0", "01", "0e0"], "'0' and '0e0', '01' and '1' and '1.0'"),
    ],
)
def test_labels_that_mean_the_same_are_refused_together(tmp_path, labels, told):
    message = f"labels that differ only in how they are written: {told}; write each in one way"
    with pytest.raises(InputError) as error:
        prepare_classification(task(tmp_path, labels * 10), tmp_path)
    assert str(error.value) == message
    own = tmp_path / "train.tsv"
    own.write_text("".join(f"text {i}\t{label}\n" for i, label in enumerate(labels * 10)))
    source = TsvExamples(source="tsv", train=str(own), text_column=0, label_column=1)
    with pytest.raises(InputError) as error:
        prepare_classification(ClassificationTask(examples=source), tmp_path)
    assert str(error.value) == message


def test_labels_that_mean_different_things_are_not_refused():
    check_labels({"train": [example(i, label) for i, label in enumerate(["a", "the", "+", "-"])]})
    huge = ["9007199254740992", "9007199254740993", "nan", "inf"]
    check_labels({"train": [example(i, label) for i, label in enumerate(huge)]})


def test_classes_may_have_numbers():
    check_labels({"train": [example(i, str(i % 150)) for i in range(300)]})
    check_labels({"train": [example(i, f"{i % 5 / 2}") for i in range(20)]})


def test_long_lists_of_labels_are_cut():
    splits = {
        "train": [example(i, f"a{i}") for i in range(1000)],
        "test": [example(i, f"b{i}") for i in range(1000)],
    }
    message = r"no example of b0, b1, b10, b100, b101, … \(1000 in all\) \(train: 1 a0, "
    with pytest.raises(InputError, match=message) as error:
        check_labels(splits)
    assert len(str(error.value)) < 250


def test_examples_are_read_as_written(tmp_path):
    examples = [example(0), ClassificationExample("1", "food", "Good soup.", "negative")]
    write_classification_examples(tmp_path / "train.arrow", examples)
    assert read_classification_examples(tmp_path / "train.arrow") == examples


def test_splits_are_written_and_their_labels_counted(tmp_path):
    own = task(tmp_path, ["positive", "negative"] * 20, dev=0.2, test=0.2)
    facts = prepare_classification(own, tmp_path)
    assert [sum(facts["splits"][split].values()) for split in SPLITS] == [24, 8, 8]
    assert sizes(tmp_path) == {"train": 24, "dev": 8, "test": 8}


def test_a_test_file_of_its_own_is_the_test_split(tmp_path):
    own = task(tmp_path, [0, 1] * 10, dev=0.1, test=0.2, test_labels=[0, 1])
    prepare_classification(own, tmp_path)
    assert sizes(tmp_path) == {"train": 18, "dev": 2, "test": 2}
    texts = [e.text for e in read_classification_examples(tmp_path / "test.arrow")]
    assert texts == ["test 0", "test 1"]


@pytest.mark.parametrize(
    ("dev", "test", "message"),
    [
        (0.02, 0.3, r"`dev`: the dev split would be empty \(examples: 14 train, 0 dev, 6 test\)"),
        (0.1, 0.02, r"`test`: the test split would be empty \(examples: 18 train, 2 dev, 0 test\)"),
        (
            0.4,
            0.59,
            r"`dev` and `test`: the train split would be empty \(examples: 0 train, 8 dev,",
        ),
    ],
)
def test_an_empty_split_is_refused(dev, test, message, tmp_path):
    with pytest.raises(InputError, match=message):
        prepare_classification(task(tmp_path, [0, 1] * 10, dev=dev, test=test), tmp_path)


def test_an_empty_split_of_dealt_examples_may_be_due_to_those_that_stay_together(tmp_path):
    with pytest.raises(InputError, match=r"6 test\); examples that ask the same stay together$"):
        prepare_classification(task(tmp_path, [0, 1] * 10, dev=0.02, test=0.3), tmp_path)


@pytest.mark.parametrize("kind", [{}, {"regression": True, "metrics": ("pearson",)}])
def test_an_empty_file_of_a_split_is_refused(tmp_path, kind):
    with pytest.raises(InputError, match=r"test\.jsonl: it has no rows$"):
        prepare_classification(task(tmp_path, [0, 1] * 5, test_labels=[], **kind), tmp_path)
