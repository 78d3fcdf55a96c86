"""Splits as they are published: by number, in the order of the file, with dev in place of test."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskpolicy.artefacts import read_json
from maskpolicy.errors import InputError
from maskpolicy.sources.base import SPLITS, Example, Seq2SeqExamples
from maskpolicy.tasks.facts import read_task_facts
from maskpolicy.tasks.prepare import prepare_task
from maskpolicy.tasks.seq2seq import read_examples, split_examples
from maskpolicy.tasks.specs import Seq2SeqTask
from maskpolicy.tasks.splits import complete_splits, deal_in_order


class Given(Seq2SeqExamples):
    """A source that yields what it is made of."""

    given: dict[str, list[Example]]

    def splits(self) -> dict[str, list[Example]]:
        return self.given


def examples(n: int, name="q") -> list[Example]:
    """Their ids are not in the order of the examples."""
    return [Example(f"{name}{n - i:04}", "", f"{name} {i}?", "a", ("a",)) for i in range(n)]


def task(own: dict[str, list[Example]], **dealing) -> Seq2SeqTask:
    return Seq2SeqTask(examples=Given(source="given", given=own), **dealing)


def splits_of(own, **dealing):
    made = task(own, **dealing)
    return complete_splits(own, made, split_examples, lambda example: (example.source,))


amounts = st.one_of(st.integers(1, 40), st.floats(0.01, 0.45))


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 60), amounts, st.one_of(amounts, st.just(0)))
def test_dealing_in_order_keeps_every_example_and_the_order(n, dev, test):
    own = examples(n)
    splits = deal_in_order(own, dev, test)
    assert [example for split in SPLITS for example in splits[split]] == own
    wanted = [x if isinstance(x, int) else round(x * n) for x in (dev, test)]
    if sum(wanted) <= n:
        assert [len(splits[split]) for split in ("dev", "test")] == wanted


@settings(max_examples=50, deadline=None)
@given(st.integers(4, 60), st.data(), st.integers(0, 3))
def test_numbers_are_met_by_hash_as_in_order(n, data, seed):
    dev = data.draw(st.integers(1, n - 2))
    test = data.draw(st.integers(0, n - 1 - dev))
    own = examples(n)
    for deal in ("hashed", "in-order"):
        splits, _ = splits_of({"train": own}, dev=dev, test=test, deal=deal, split_seed=seed)
        assert [len(splits[split]) for split in SPLITS] == [n - dev - test, dev, test]
        dealt = [example.id for some in splits.values() for example in some]
        assert sorted(dealt) == sorted(example.id for example in own)


def test_webquestions_as_ye_et_al_deal_it():
    own = {"train": examples(3778), "test": examples(5, "t")}
    splits, _ = splits_of(own, dev=361, deal="in-order")
    assert splits["train"] == own["train"][:3417] and splits["dev"] == own["train"][3417:]
    assert splits["test"] == own["test"]


def test_published_splits_keep_their_order(tmp_path):
    own = {split: examples(7, split) for split in SPLITS}
    prepare_task(task(own, dev=3, test=2), tmp_path / "task")
    assert {split: read_examples(tmp_path / f"task/{split}.arrow") for split in SPLITS} == own


def test_the_cluster_of_an_example_is_written_or_else_its_group(tmp_path):
    names = zip(["", "g", "g"] * 2, ["", "", "c"] * 2, strict=True)
    own = [
        replace(example, group=group, cluster=cluster)
        for example, (group, cluster) in zip(examples(6), names, strict=True)
    ]
    prepare_task(task({"train": own}, deal="in-order"), tmp_path / "task")
    written = [e.cluster for s in SPLITS for e in read_examples(tmp_path / f"task/{s}.arrow")]
    assert written == ["", "g", "c", "", "g", "c"]


def test_a_held_out_dev_is_taken_from_train_where_a_release_has_none():
    own = {"train": examples(30), "test": examples(4, "t")}
    splits, _ = splits_of(own, dev=6)
    assert len(splits["dev"]) == 6 and splits["test"] == own["test"]
    assert {e.id for e in splits["train"] + splits["dev"]} == {e.id for e in own["train"]}


def test_dev_stands_in_for_a_hidden_test_split(tmp_path):
    own = {"train": examples(30), "dev": examples(5, "d")}
    prepare_task(task(own, dev=4, dev_as_test=True), tmp_path / "task")
    assert read_examples(tmp_path / "task/test.arrow") == own["dev"]
    assert len(read_examples(tmp_path / "task/dev.arrow")) == 4
    assert read_task_facts(tmp_path / "task").dev_as_test
    for others in ({"train": examples(30)}, own | {"test": examples(5, "t")}):
        with pytest.raises(InputError, match="`dev_as_test`: a source with a dev and without a te"):
            splits_of(others, dev_as_test=True)


def test_what_only_teaches_needs_no_test_split(tmp_path):
    prepare_task(task({"train": examples(10)}, dev=2, test=0), tmp_path / "task")
    assert read_examples(tmp_path / "task/test.arrow") == []
    assert len(read_examples(tmp_path / "task/train.arrow")) == 8
    with pytest.raises(InputError, match="`test: 0`: the source has a test split of its own"):
        splits_of({"train": examples(10), "test": examples(2, "t")}, test=0)


def test_more_than_there_are_leaves_nothing_to_train_on():
    for deal in ("hashed", "in-order"):
        with pytest.raises(InputError, match=r"^`dev` and `test`: the train split would be empty"):
            splits_of({"train": examples(10)}, dev=361, test=0, deal=deal)


def test_what_train_shares_is_dropped_where_that_is_asked_for(tmp_path, capsys):
    train = examples(20)
    train[5] = replace(train[5], group="passage")
    own = {
        "train": train,
        "dev": [replace(train[0], id="d", source="Q  0")],
        "test": [replace(train[1], id="t"), replace(train[1], id="u", source="?", group="passage")],
    }
    prepare_task(task(own), tmp_path / "kept")
    assert "dropped" not in read_json(tmp_path / "kept/manifest.json")
    prepare_task(task(own, drop_shared=True), tmp_path / "task")
    assert "task: 3 of 20 train examples dropped" in capsys.readouterr().err
    assert read_examples(tmp_path / "task/train.arrow") == [
        replace(e, group="") for i, e in enumerate(train) if i not in (0, 1, 5)
    ]
    manifest = read_json(tmp_path / "task/manifest.json")
    assert manifest["dropped"] == 3
    none = {"dev": 0, "test": 0}
    assert manifest["repeats"] == {"repeated": 0, "shared": none, "groups": none}
    with pytest.raises(InputError, match=r"^`drop_shared`: the train split would be empty"):
        splits_of({"train": own["dev"], "dev": own["dev"], "test": own["test"]}, drop_shared=True)
