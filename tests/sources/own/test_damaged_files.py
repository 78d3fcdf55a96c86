"""Any bytes, and files with a few bytes changed: rows, or an error that names the file."""

import bz2
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from maskpolicy.errors import ArtefactError
from maskpolicy.json_files import read_json_items
from maskpolicy.sources.own.documents import Documents
from maskpolicy.sources.own.labels import LabelledExamples
from maskpolicy.sources.own.pairs import Seq2SeqExamples
from maskpolicy.sources.own.rows import READERS, read_rows
from maskpolicy.tasks.seq2seq import write_examples
from maskpolicy.text_files import read_lines

COMPRESS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": lambda content: pa.compress(content, "zstd", asbytes=True),
}
ENDINGS = [*(f".{name}" for name in READERS), *(f".jsonl{name}" for name in COMPRESS)]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(), some, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(st.dictionaries(st.sampled_from(["text", "id", "q"]), VALUES), max_size=3)
FUZZ = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def parquet(texts: list[str]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": texts, "n": list(range(len(texts)))}), sink)
    return sink.getvalue()


@st.composite
def damaged(draw, ending: str) -> bytes:
    """A file of this ending in which some bytes are lost, changed or added; or any bytes."""
    if draw(st.integers(0, 3)) == 0:
        return draw(st.binary(max_size=100))
    compression = next((name for name in COMPRESS if ending.endswith(name)), "")
    rows = draw(ROWS)
    texts = [json.dumps(row.get("text")) for row in rows]
    content = {
        ".jsonl": "\n".join(map(json.dumps, rows)).encode(),
        ".json": json.dumps(rows).encode(),
        ".csv": "\n".join(["text,n", *(f'"{text}",1' for text in texts)]).encode(),
        ".tsv": "\n".join(["text\tn", *(f"{text}\t1" for text in texts)]).encode(),
        ".parquet": parquet(texts),
    }[ending.removesuffix(compression)]
    if compression:
        content = COMPRESS[compression](content)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(content)))
        lost = draw(st.sampled_from([0, 1, len(content)]))
        content = content[:at] + draw(st.binary(max_size=3)) + content[at + lost :]
    return content


def read_anyhow(read, path) -> list:
    try:
        return list(read(path))
    except ArtefactError as error:
        assert str(path) in str(error)
        assert "\n" not in str(error)
        return []


@pytest.mark.parametrize("ending", ENDINGS)
@given(data=st.data())
@FUZZ
def test_rows_or_an_error(tmp_path, ending, data):
    path = tmp_path / f"own{ending}"
    path.write_bytes(data.draw(damaged(ending)))
    for row in read_anyhow(read_rows, path):
        assert isinstance(row.fields, dict) and row.place.startswith(str(path))
    if ending != ".parquet":
        read_anyhow(read_lines, path)
        read_anyhow(read_json_items, path)
        read_anyhow(lambda path: read_json_items(path, "Data"), path)


@given(ROWS)
@example([{"text": "\ud800", "id": "\ud800", "q": "\udfff"}])
@example([{"text": "a", "id": 10**4000, "q": 1e300}])
@FUZZ
def test_examples_or_an_error(tmp_path, rows):
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    at = str(path)
    fields = {"source_template": "{text} {q}", "answers_field": "text", "separator": ","}
    pairs = Seq2SeqExamples(source="own-pairs", train=at, context_template="{q}", **fields)
    labels = LabelledExamples(source="own-labels", train=at, label_field="q", group_field="id")
    documents = Documents(source="own-documents", path=at, title_field="q")
    examples = read_anyhow(lambda _: pairs.splits()["train"], path)
    write_examples(tmp_path / "examples.arrow", examples)
    for made in read_anyhow(lambda _: labels.splits()["train"], path):
        assert (made.id + made.text + made.label + made.group).encode()
    for document in read_anyhow(lambda _: documents.documents(), path):
        assert (document.title + document.text).strip().encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b"[" * 200_000),  # ijson's own reader kept the path of each level: 40 GB
        ("a.json", b'[{"a":' * 100_000),
        ("a.json", b'[{"a":' + b"9" * 5000 + b"}]"),
        ("a.json", b'[{"a":1e999}]'),
        ("a.json", b'[{"a":NaN}]'),
        ("a.json", b'[{"a":1}] and more'),
        ("a.jsonl", b'{"a":' + b"9" * 5000 + b"}"),
        ("a.jsonl", b'{"a":' * 100_000),
        ("a.jsonl", "{}".encode("utf-16")),
        ("a.csv", b'a\n"' + b"b\n" * 100_000),
        ("a.parquet", parquet(["a"])[:-9]),
        ("a.parquet", b"PAR1" + b"\xff" * 50 + b"\xff\xff\xff\x7fPAR1"),
    ],
)
def test_what_is_no_row_is_an_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ArtefactError, match=name):
        list(read_rows(tmp_path / name))
