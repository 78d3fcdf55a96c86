"""A knowledge source: the index finds every page, whatever the order of its fields."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from maskpolicy.arrow_files import read_table
from maskpolicy.artefacts import read_json
from maskpolicy.errors import ArtefactError
from maskpolicy.sources import knowledge
from maskpolicy.sources.knowledge import Knowledge, Page, Pages, fingerprint, index_pages


def page(name="12", title="Anarchism", *paragraphs: str, **fields) -> dict:
    text = [f"{title}\n", *paragraphs]
    return {"_id": name, "wikipedia_id": name, "wikipedia_title": title, "text": text, **fields}


def lines(*pages: dict) -> bytes:
    return "".join(json.dumps(page) + "\n" for page in pages).encode()


def indexed(folder, content: bytes):
    path, index = folder / "pages.json", folder / "kilt.arrow"
    path.write_bytes(content)
    index_pages(path, index)
    return index


def test_pages_are_read_where_they_stand_in_the_order_of_the_file(tmp_path):
    first, second = page("9", "Nine", "Ünïcode.\n"), page("12", "Twelve", "A dozen.\n", "Eggs.\n")
    index = indexed(tmp_path, lines(first) + b"\r\n\n" + lines(page("3"), second))
    assert list(Pages(index).read({"12", "9", "none"})) == [
        Page("9", "Nine", ("Nine\n", "Ünïcode.\n")),
        Page("12", "Twelve", ("Twelve\n", "A dozen.\n", "Eggs.\n")),
    ]
    assert read_table(index)["line"].to_pylist() == [1, 4, 5]
    manifest = read_json(tmp_path / "kilt.json")
    assert (manifest["pages"], manifest["source"]) == (3, str(tmp_path / "pages.json"))
    assert list(manifest["files"]) == ["kilt.arrow"]


@pytest.mark.parametrize(
    "line",
    [
        '{"wikipedia_id": "7", "text": [], "wikipedia_title": ""}',
        '{"text": [], "wikipedia_title": "", "wikipedia_id": "7"}',
        '{"wikipedia_title": "", "wikipedia_id":7 ,"text": []}',
        '{"wikipedia_title": "\\"wikipedia_id\\": \\"8\\", ", "wikipedia_id": "7", "text": []}',
        '{"a": {"wikipedia_id": "8"}, "wikipedia_id": "7", "wikipedia_title": "", "text": []}',
        '{"text": [], "b": "x", "a": [{"wikipedia_id": "8"}], "wikipedia_id": "7",'
        ' "wikipedia_title": ""}',
        '\ufeff{"wikipedia_id": "\\u0037", "wikipedia_title": "", "text": []}',
        '{"wikipedia_id": "8", "wikipedia_id": "7", "wikipedia_title": "", "text": []}',
    ],
)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_id_is_found_whatever_stands_before_it(tmp_path, line, end):
    index = indexed(tmp_path, (line + end).encode())
    assert [(page.id, page.paragraphs) for page in Pages(index).read({"7", "8"})] == [("7", ())]


VALUES = st.recursive(
    st.text(max_size=5) | st.integers() | st.booleans() | st.none(),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=5), some),
    max_leaves=5,
)
FIELDS = st.dictionaries(st.sampled_from(["wikipedia_id", "a", "b\\"]) | st.text(), VALUES)


@given(
    st.lists(FIELDS, max_size=5),
    st.lists(FIELDS, max_size=5),
    st.text().filter(str.strip).map(str.strip) | st.integers(),
    st.booleans(),
)
def test_the_id_found_is_that_of_the_parsed_line(before, after, name, ascii):
    around = [{f"{i}": value} for i, value in enumerate(before)]
    later = [{f"-{i}": value} for i, value in enumerate(after)]
    fields = {k: v for some in [*around, {"wikipedia_id": name}, *later] for k, v in some.items()}
    line = (json.dumps(fields, ensure_ascii=ascii) + "\n").encode()
    assert knowledge._page_id("pages.json, line 1", 1, line) == str(name)


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_indexed_or_refused_in_a_line(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("any")
    try:
        index = indexed(folder, content)
        list(Pages(index).read(read_table(index)["page"].to_pylist()))
    except ArtefactError as error:
        assert "pages.json" in str(error) and "\n" not in str(error)


WHOLE = json.dumps(page("1", "One", "Text.\n"))


@given(st.integers(1, len(WHOLE) - 1), st.binary(max_size=3))
def test_a_page_that_is_damaged_anywhere_is_named(tmp_path_factory, at, put):
    folder = tmp_path_factory.mktemp("damaged")
    damaged = WHOLE.encode()[:at] + put
    try:
        index = indexed(folder, lines(page("0")) + damaged)
        list(Pages(index).read({"0", "1"}))
    except ArtefactError as error:
        assert "pages.json, line " in str(error) and "\n" not in str(error)
    else:
        assert json.loads(damaged)["text"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "pages.json: no pages in it"),
        (b"\n\n", "pages.json: no pages in it"),
        (lines(page("1")) + WHOLE[:-1].encode(), "pages.json, line 2: not valid JSON"),
        (lines(page("1")) + WHOLE[:-9].encode() + b"\n", "pages.json, line 2: not valid JSON"),
        (b"[" + lines(page("1")), "line 1: not valid JSON"),
        (lines(page("1"), page("2"), page("1")), "line 3: the page '1' is there already, in line"),
        (lines({"text": []}), "line 1: a page with a field 'wikipedia_id' is expected"),
        (lines(page("")), "line 1: a page with a field 'wikipedia_id' is expected"),
        (lines(page(True)), "line 1: the field 'wikipedia_id' does not hold a string"),
        (b'{"wikipedia_id": "\xff"}\n', "line 1: not UTF-8 text"),
        (lines({"wikipedia_id": "\ud800"}), "line 1: 'wikipedia_id' is not valid text"),
        (b"\0" * 100, "line 1: not valid JSON"),
    ],
)
def test_what_is_no_page_is_named_before_anything_is_written(tmp_path, content, said):
    with pytest.raises(ArtefactError, match=said):
        indexed(tmp_path, content)
    assert [path.name for path in tmp_path.iterdir()] == ["pages.json"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"wikipedia_id": "1"}', "the field 'text' is not a list of strings"),
        (lines(page("1") | {"text": "Text."}), "the field 'text' is not a list of strings"),
        (lines(page("1", "t", 3)), "the field 'text' is not a list of strings"),
        (lines(page("1", "t", "\udfff")), "'text' is not valid text"),
        (lines(page("1") | {"wikipedia_title": None}), "'wikipedia_title' does not hold a string"),
        (b'{"wikipedia_id": "1", "text": [\0]}\n', "not valid JSON"),
        (b'{"wikipedia_id": "1", "text": [\xff]}\n', "not UTF-8 text"),
        (b'{"wikipedia_id": "1", "text": [], "wikipedia_id": "2"}\n', "two fields 'wikipedia_id'"),
    ],
)
def test_a_page_that_can_not_be_read_is_named(tmp_path, line, said):
    pages = Pages(indexed(tmp_path, lines(page("0")) + line))
    with pytest.raises(ArtefactError, match=rf"pages\.json, line 2: .*{said}"):
        list(pages.read({"0", "1"}))


def test_lines_without_an_end_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("maskpolicy.text_files.LONGEST_LINE", 1 << 20)
    with pytest.raises(ArtefactError, match=r"pages\.json, line 2: longer than 1 MB"):
        indexed(tmp_path, lines(page("0")) + b"\0" * (1 << 21))


def test_an_index_is_of_one_file(tmp_path):
    index = indexed(tmp_path, lines(page("1"), page("2")))
    path = tmp_path / "pages.json"
    path.write_bytes(path.read_bytes())  # at another time
    assert len(list(Pages(index).read({"1", "2"}))) == 2
    path.write_bytes(lines(page("2"), page("1")))
    with pytest.raises(ArtefactError, match=r"pages\.json is not the file that .*kilt\.arrow was"):
        Pages(index)
    path.unlink()
    with pytest.raises(ArtefactError, match=r"cannot read .*pages\.json"):
        Pages(index)


@pytest.mark.parametrize("change", [0, knowledge.ENDS - 1, -knowledge.ENDS, -1])
def test_a_fingerprint_is_of_both_ends(tmp_path, change):
    content = bytearray(3 * knowledge.ENDS)
    path = tmp_path / "large"
    path.write_bytes(content)
    before = fingerprint(path)
    content[change] = 1
    path.write_bytes(content)
    assert fingerprint(path) != before
    path.write_bytes(content[: knowledge.ENDS // 2])
    assert fingerprint(path) != before


@pytest.mark.parametrize("output", ["pages.arrow", "pages.json"])
def test_an_index_is_not_written_over_its_file(tmp_path, output):
    path = tmp_path / "pages.json"
    path.write_bytes(lines(page()))
    with pytest.raises(ArtefactError, match=r"pages\.json: its index would be written over it"):
        index_pages(path, tmp_path / output)
    assert path.read_bytes() == lines(page())


def test_compressed_files_are_refused_with_advice(tmp_path):
    path = tmp_path / "pages.json.gz"
    path.write_bytes(gzip.compress(lines(page())))
    with pytest.raises(ArtefactError, match="decompress it"):
        index_pages(path, tmp_path / "kilt.arrow")
    with pytest.raises(ValidationError, match="decompress it"):
        Knowledge(path=str(path))
