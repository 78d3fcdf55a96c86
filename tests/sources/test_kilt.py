"""Tasks of KILT: answers, the contexts that their evidence stands for, and what has none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.sources.kilt import Seq2SeqExamples
from maskpolicy.sources.knowledge import Pages, index_pages

PAGES = [
    {
        "wikipedia_id": name,
        "wikipedia_title": title,
        "text": [f"{title}\n", *paragraphs],
    }
    for name, title, paragraphs in [
        ("20", "Lake", ["A lake is water.\n", "Section::::Depth.\n", "It is deep.\n", "\n"]),
        ("3", "Hill", ["A hill is land.\n"]),
        ("4", "Void", []),
    ]
]


def row(*outputs: dict, name: str | None = "a", question: str = "what? [SEP] is") -> dict:
    return {"input": question, "output": list(outputs)} | ({"id": name} if name else {})


def evidence(page, first=None, last=None) -> dict:
    where = {"wikipedia_id": page, "title": "as it was called"}
    numbers = {"start_paragraph_id": first, "end_paragraph_id": last}
    return where | {key: number for key, number in numbers.items() if number is not None}


def answer(text, *provenance: dict) -> dict:
    return {"answer": text} | ({"provenance": list(provenance)} if provenance else {})


def source(folder, *rows, **fields) -> Seq2SeqExamples:
    path = folder / "wow-train-kilt.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Seq2SeqExamples(source="kilt", train=str(path), **fields)


def pages(folder) -> Pages:
    path = folder / "pages.json"
    path.write_text("".join(json.dumps(page) + "\n" for page in PAGES))
    index_pages(path, folder / "kilt.arrow")
    return Pages(folder / "kilt.arrow")


def test_answers_are_all_distinct_ones_and_without_knowledge_there_are_no_contexts(tmp_path):
    outputs = [answer(None, evidence("3")), answer("b "), answer("a"), {}, answer("b"), answer(" ")]
    rows = [row(*outputs, name="x/1"), row(answer("c"), name=None, question=" one\ntwo\n")]
    assert source(tmp_path, *rows).splits()["train"] == [
        Example("x/1", "", "what? [SEP] is", "b", ("b", "a"), cluster="3"),
        Example("wow-train-kilt-2", "", "one\ntwo", "c", ("c",)),
    ]


@pytest.mark.parametrize(
    ("outputs", "context"),
    [
        ([answer("a", evidence("20", 1, 1))], "Lake. A lake is water."),
        ([answer("a", evidence("20", 1, 4))], "Lake. A lake is water.\nSection::::Depth.\nIt is"),
        ([answer("a", evidence(20, 3))], "Lake. It is deep."),  # ends where it begins
        ([answer("a", evidence("20"))], "Lake. A lake is water."),  # a whole page
        ([answer("a", evidence("20", -1, -1))], "Lake. A lake is water."),  # and in mirrors
        ([answer("a", evidence("3", 0, 0))], "Hill"),
        ([answer("a"), answer("b", evidence("3", 1, 1), evidence("20", 1))], "Hill. A hill"),
        ([answer("a", evidence("5", 1), evidence("3", 1))], "Hill. A hill is land."),
        ([answer("a", evidence("20", 9)), answer(None, evidence("3"))], "Hill. A hill is land."),
    ],
)
def test_a_context_is_the_first_evidence_that_stands_in_the_pages(tmp_path, outputs, context):
    (example,) = source(tmp_path, row(*outputs)).splits_with(pages(tmp_path))["train"]
    assert example.context.startswith(context)
    assert (context == example.context) == context.endswith(".") or context == "Hill"


def test_examples_without_a_context_are_counted_by_the_reason(tmp_path, capsys):
    provenances = [
        [],
        [evidence("5", 1), evidence("6", 1)],
        [evidence("20", 5)],
        [evidence("20", 3, 2)],
        [evidence("20", 4)],  # blank
        [evidence("4")],  # a page that is its title
        [evidence("3", 1)],
    ]
    rows = [row(answer("a", *some), name=f"{i}") for i, some in enumerate(provenances)]
    splits = source(tmp_path, *rows).splits_with(pages(tmp_path))
    assert [bool(example.context) for example in splits["train"]] == [False] * 6 + [True]
    assert (
        "wow-train-kilt.jsonl: 6 of 7 examples without a context: 4 no such paragraph in the page;"
        " 1 no provenance; 1 no such page\n"
    ) in capsys.readouterr().err


def test_splits_with_a_file_are_read(tmp_path):
    train = row(answer("a", evidence("3")))
    (tmp_path / "dev.jsonl").write_text(json.dumps(row(answer("b", evidence("20")), name="d")))
    some = source(tmp_path, train, dev=str(tmp_path / "dev.jsonl"))
    for splits in (some.splits(), some.splits_with(pages(tmp_path))):
        names = {split: [e.id for e in examples] for split, examples in splits.items()}
        assert names == {"train": ["a"], "dev": ["d"]}
    assert [splits[split][0].context for split in splits] == [
        "Hill. A hill is land.",
        "Lake. A lake is water.",
    ]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"id": "x", "input": "q"}, "no `output` has an answer, as in KILT's test files"),
        (row(), "no `output` has an answer"),
        (row({"provenance": [evidence("3")]}), "no `output` has an answer"),
        (row(answer(3)), "line 2, output 1: the field 'answer' does not hold a string"),
        ({"id": "x", "output": [answer("a")]}, "the field 'input' is missing"),
        (row(answer("a"), question=" "), "the field 'input' is empty"),
        ({"id": "x", "input": "q", "output": "a"}, "the field 'output' does not hold a list"),
        (row("a"), "line 2, output 1: not a JSON object"),
        (row(answer("\ud800")), "'answer' is not valid text"),
        (row(answer("a"), name=[3]), "the field 'id' does not hold a string"),
        (row(answer("a", {"title": "t"})), "provenance 1: the field 'wikipedia_id' is missing"),
        (row({"answer": "a", "provenance": {}}), "'provenance' does not hold a list"),
        (row(answer("a", evidence("3", -2))), "'start_paragraph_id' is not the number"),
        (row(answer("a", evidence("3", 1, "2"))), "'end_paragraph_id' is not the number"),
        (row(answer("a", evidence("3", True))), "'start_paragraph_id' is not the number"),
    ],
)
def test_what_is_wrong_with_a_line_is_named(tmp_path, bad, said):
    with pytest.raises(ArtefactError, match=r"wow-train-kilt\.jsonl, line 2") as caught:
        source(tmp_path, row(answer("a")), bad).splits()
    assert said in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=3), some),
    max_leaves=4,
)
PROVENANCE = st.fixed_dictionaries(
    {},
    optional={
        "wikipedia_id": st.sampled_from(["3", "20", "4", 3, "x"]) | JSON,
        "start_paragraph_id": st.integers(-2, 6) | JSON,
        "end_paragraph_id": st.integers(-2, 6) | JSON,
    },
)
OUTPUT = st.fixed_dictionaries(
    {}, optional={"answer": st.text() | JSON, "provenance": st.lists(PROVENANCE) | JSON}
)
ROW = st.fixed_dictionaries(
    {}, optional={"id": JSON, "input": st.text() | JSON, "output": st.lists(OUTPUT) | JSON}
)


@given(st.lists(ROW, max_size=4))
def test_any_rows_are_read_or_refused_in_a_line(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("any")
    try:
        read = source(folder, *rows).splits_with(pages(folder))["train"]
    except ArtefactError as error:
        assert "wow-train-kilt.jsonl, line " in str(error) and "\n" not in str(error)
    else:
        assert len(read) == len(rows)
        for example in read:
            assert example.source.strip() and example.target == example.answers[0]
            assert len(set(example.answers)) == len(example.answers)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_a_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "kilt.jsonl"
    path.write_bytes(content)
    try:
        Seq2SeqExamples(source="kilt", train=str(path)).splits()
    except ArtefactError as error:
        assert "kilt.jsonl" in str(error) and "\n" not in str(error)
