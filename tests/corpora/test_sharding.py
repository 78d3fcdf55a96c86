from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskpolicy.arrow_files import read_table
from maskpolicy.artefacts import read_json
from maskpolicy.corpora.row_texts import prefix_length, row_text
from maskpolicy.corpora.sharding import ROWS_PER_DOCUMENT, shard_corpus
from maskpolicy.errors import ArtefactError, InputError


def rows_of(
    documents: Path, tokenizer_folder: Path, folder: Path, length=24, shards=1, unit="passages"
) -> list[dict]:
    rows = []
    for shard in range(shards):
        output = folder / f"shard-{shard}.arrow"
        shard_corpus(
            documents,
            tokenizer_folder,
            output,
            sequence_length=length,
            shard=shard,
            shards=shards,
            rows_of=unit,
        )
        rows += read_table(output).to_pylist()
    return rows


@pytest.fixture
def rows(documents, tokenizer_folder, tmp_path) -> list[dict]:
    return rows_of(documents, tokenizer_folder, tmp_path)


def text_of(row: dict, documents: list[tuple[str, str]]) -> str:
    return row_text(*documents[row["document"]], row["begin"], row["end"])


@pytest.mark.parametrize("shards", [2, 4, 9])
def test_rows_do_not_depend_on_the_number_of_shards(
    documents, tokenizer_folder, tmp_path, rows, shards
):
    assert rows_of(documents, tokenizer_folder, tmp_path, shards=shards) == rows


def test_rows_are_numbered_by_document(rows):
    assert [row["row"] for row in rows] == sorted({row["row"] for row in rows})
    assert all(row["row"] // ROWS_PER_DOCUMENT == row["document"] for row in rows)


def test_rows_fit_and_their_flags_are_as_long_as_they(rows):
    for row in rows:
        assert 0 < len(row["input_ids"]) <= 24
        assert len(row["word_start"]) == len(row["sentence_start"]) == len(row["input_ids"])
        assert row["word_start"][0]
        assert row["sentence_start"][row["title_length"]]


def test_rows_of_sentences_hold_one_each(documents, tokenizer_folder, tmp_path, own_documents):
    rows = rows_of(documents, tokenizer_folder, tmp_path, length=200, unit="sentences")
    kenya = [text_of(row, own_documents) for row in rows if row["document"] == 0]
    assert len(kenya) > 1
    for row in rows:
        begins = [i for i, start in enumerate(row["sentence_start"]) if start]
        assert begins == [row["title_length"]]  # the sentence, after the title
    passages = rows_of(documents, tokenizer_folder, tmp_path, length=200)
    text = [token for row in passages if row["document"] == 0 for token in row["input_ids"]]
    title = text[
        : next(
            i
            for i, pair in enumerate(zip(text, rows[1]["input_ids"], strict=False))
            if pair[0] != pair[1]
        )
    ]
    single = [t for row in rows if row["document"] == 0 for t in row["input_ids"][len(title) :]]
    assert title + single == text


def test_a_row_is_its_title_and_whole_sentences(rows, tokenizer, own_documents):
    first = text_of(rows[0], own_documents)
    assert first.startswith("Kenya. Trade centers such as Mombasa")
    for row in rows:
        text = text_of(row, own_documents)
        # Only a cut inside a word (here Japanese) leaves its first token without the space.
        spelt = tokenizer.decode(row["input_ids"])
        assert spelt.replace(" ", "") == text.replace(" ", "")
        assert spelt == text or row["document"] == 1
        assert text.startswith(own_documents[row["document"]][0])


def test_rows_know_their_titles(rows, tokenizer, own_documents):
    for row in rows:
        title = own_documents[row["document"]][0]
        spelt = tokenizer.decode(row["input_ids"][: row["title_length"]])
        assert spelt == (f"{title}." if title else "")
        assert not any(row["sentence_start"][: row["title_length"]])


def test_sentences_begin_where_spacy_says(documents, tokenizer_folder, tmp_path, tokenizer):
    [row] = [
        row
        for row in rows_of(documents, tokenizer_folder, tmp_path, length=200)
        if row["document"] == 2
    ]
    starts = [i for i, begins in enumerate(row["sentence_start"]) if begins]
    pieces = [
        tokenizer.decode(row["input_ids"][a:b])
        for a, b in zip(starts, [*starts[1:], None], strict=True)
    ]
    assert pieces == [
        "A text without a title.",
        "It costs $5.50, doesn't it?",
        "Yes — naïvely so 🙂.",
    ]


def test_a_long_sentence_is_cut_between_words(rows, own_documents):
    cut = [text_of(row, own_documents) for row in rows if row["document"] == 4]
    assert len(cut) > 5
    for text in cut:
        assert set(text.replace(";", "").replace(".", "").split()) <= set(
            ("Chad", "landlocked", "dry", "and", "flat", "hot", "in", "the", "north")
        )


def test_documents_without_text_are_counted(documents, tokenizer_folder, tmp_path, rows):
    assert not any(row["document"] == 3 for row in rows)
    manifest = read_json(tmp_path / "shard-0.json")
    assert (manifest["documents"], manifest["no_text"], manifest["long_title"]) == (5, 1, 0)
    assert manifest["rows"] == len(rows)
    assert manifest["tokens"] == sum(len(row["input_ids"]) for row in rows)


def test_a_title_that_fills_half_a_row_leaves_the_document_out(
    write_documents, tokenizer_folder, tmp_path
):
    own = write_documents(tmp_path / "own", [("A title " * 5, "Text."), ("B", "Text.")])
    rows = rows_of(own, tokenizer_folder, tmp_path)
    assert [row["document"] for row in rows] == [1]
    assert read_json(tmp_path / "shard-0.json")["long_title"] == 1


def test_documents_that_are_left_out_are_said(write_documents, tokenizer_folder, tmp_path, capsys):
    long = ("A title " * 5, "Text.")
    own = write_documents(tmp_path / "own", [long, ("B", "Text."), ("C", " "), long])
    rows_of(own, tokenizer_folder, tmp_path)
    assert capsys.readouterr().err.splitlines()[-1] == (
        "shard shard-0: left out 3 of 4 documents: 1 without text, 2 whose title fills over half"
        " of `sequence_length: 24`"
    )


def test_a_corpus_that_gives_no_row_is_refused(write_documents, tokenizer_folder, tmp_path):
    long = ("A title " * 5, "Text " * 20)
    own = write_documents(tmp_path / "own", [long, long, ("C", " ")])
    with pytest.raises(InputError) as error:
        rows_of(own, tokenizer_folder, tmp_path)
    assert str(error.value) == (
        f"{own}: no row is left of 3 documents: 1 without text, 2 whose title fills over half of"
        " `sequence_length: 24`"
    )
    assert not list(tmp_path.glob("shard-*"))


def test_a_shard_of_a_corpus_that_has_rows_may_have_none(
    write_documents, tokenizer_folder, tmp_path
):
    long = ("A title " * 5, "Text " * 20)
    own = write_documents(tmp_path / "own", [long, ("B", "Text " * 20)])
    rows = rows_of(own, tokenizer_folder, tmp_path, shards=2)
    assert {row["document"] for row in rows} == {1}
    assert read_json(tmp_path / "shard-0.json")["rows"] == 0


def test_a_word_longer_than_a_row_is_cut_between_characters(
    write_documents, tokenizer_folder, tmp_path
):
    own = [("", "🙂é" * 50)]
    path = write_documents(tmp_path / "own", own)
    rows = rows_of(path, tokenizer_folder, tmp_path, length=9)
    assert "".join(text_of(row, own) for row in rows) == own[0][1]
    assert max(len(row["input_ids"]) for row in rows) <= 9


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "Kenya"]),
            st.text(st.sampled_from("ab1 .;é🙂\n") | st.characters(exclude_categories=["Cs"])),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_no_text_is_lost(write_documents, tokenizer_folder, tmp_path, own):
    own = [*own, ("", "Some text.")]  # a corpus without any is refused
    path = write_documents(tmp_path / "own", own)
    rows = rows_of(path, tokenizer_folder, tmp_path, length=16, shards=2)
    for number, (title, text) in enumerate(own):
        kept = [
            text_of(row, own)[prefix_length(title) :] for row in rows if row["document"] == number
        ]
        assert "".join("".join(kept).split()) == "".join(text.split())


def test_a_damaged_part_is_named(write_documents, tokenizer_folder, tmp_path):
    own = write_documents(tmp_path / "own", [("", "Some text.")])
    (own / "part-0.arrow").write_bytes(b"ARROW1\0\0")
    with pytest.raises(ArtefactError, match=r"own/part-0\.arrow is damaged"):
        rows_of(own, tokenizer_folder, tmp_path)
    assert not (tmp_path / "shard-0.arrow").exists()
