"""Rows of any format: the same fields, and the places that errors name."""

import bz2
import gzip
import json
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.own import rows
from maskpolicy.sources.own.rows import read_rows

ROWS = [{"id": "1", "text": 'One,\tand "so" on.'}, {"id": "2", "text": "Zwei\nZeilen, für ﷽."}]
QUOTED = [[row["id"], '"' + row["text"].replace('"', '""') + '"'] for row in ROWS]
CONTENT = {
    ".jsonl": "".join(json.dumps(row) + "\n" for row in ROWS),
    ".json": json.dumps(ROWS, indent=1),
    ".csv": "id,text\n" + "".join(f"{','.join(row)}\n" for row in QUOTED),
    ".tsv": "id\ttext\n" + "".join("\t".join(row) + "\n" for row in QUOTED),
}


def read(tmp_path, name, content):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return [(row.place.rpartition(", ")[2], row.fields) for row in read_rows(tmp_path / name)]


@pytest.mark.parametrize("ending", CONTENT)
@pytest.mark.parametrize(
    ("compression", "compress"),
    [
        ("", bytes),
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".zst", lambda content: pa.compress(content, "zstd", asbytes=True)),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path, ending, compression, compress):
    content = compress(CONTENT[ending].encode("utf-8-sig"))
    assert [f for _, f in read(tmp_path, f"own.x{ending}{compression}", content)] == ROWS


def test_endings_may_be_in_upper_case(tmp_path):
    content = gzip.compress(CONTENT[".csv"].encode())
    assert [fields for _, fields in read(tmp_path, "OWN.CSV.GZ", content)] == ROWS


def test_json_may_be_objects_on_lines(tmp_path):
    assert [fields for _, fields in read(tmp_path, "c4.json", CONTENT[".jsonl"])] == ROWS


def test_rows_of_parquet_are_numbered(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "ROWS_PER_BATCH", 1)
    table = pa.table({"text": ["a", None], "meta": [{"n": 1}, {"n": 2}], "all": [["x"], []]})
    pq.write_table(table, tmp_path / "own.parquet")
    assert [(row.place, row.fields) for row in read_rows(tmp_path / "own.parquet")] == [
        (f"{tmp_path}/own.parquet, row 1", {"text": "a", "meta": {"n": 1}, "all": ["x"]}),
        (f"{tmp_path}/own.parquet, row 2", {"text": None, "meta": {"n": 2}, "all": []}),
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("own.txt", r"own\.txt' ends in none of \.jsonl, \.json, \.csv, \.tsv, \.parquet,"),
        ("own", "own' ends in none"),
        ("own.gz", r"own\.gz' ends in none"),
        ("own.json.rar", "ends in none"),
        ("own.jsonln", r"; did you mean 'jsonl'\?"),
        ("own.parquet.gz", "Parquet is compressed inside"),
    ],
)
def test_an_unknown_ending_is_named(tmp_path, name, said):
    with pytest.raises(ArtefactError, match=said):
        read(tmp_path, name, "")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "a,b\n1,2,3\n", "line 2: 3 fields, but the header has 2"),
        ("a.csv", "a,b\n1,2\n1\n", "line 3: 1 fields, but the header has 2"),
        ("a.tsv", "a\tb\ta\n", "line 1: the header has 'a' twice"),
        ("a.jsonl", '{"a": 1}\n{"a": ', "line 2: not valid JSON"),
        ("a.json", '[{"a": 1}', "after item 1: not valid JSON"),
        ("a.parquet", b"PAR1 and more of no sense PAR1", "cannot read .*a.parquet: "),
        ("a.parquet", b"", "cannot read .*a.parquet: "),
        ("a.csv.gz", b"no gzip", r"cannot read .*a\.csv\.gz: "),
    ],
)
def test_damage_is_named_by_its_place(tmp_path, name, content, said):
    with pytest.raises(ArtefactError, match=said):
        read(tmp_path, name, content)


def test_damage_inside_of_parquet_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    table = pa.table({"text": [f"{i} words" for i in range(5000)]})
    pq.write_table(table, path, row_group_size=1000, write_page_checksum=True)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes(100) + whole[len(whole) // 2 + 100 :])
    with pytest.raises(ArtefactError, match=r"cannot read .*a\.parquet, after row [1-4][0-9]+: "):
        list(read_rows(path))


def test_text_of_parquet_that_is_no_utf8_is_named(tmp_path):
    broken = pa.StringArray.from_buffers(
        1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe")
    )
    pq.write_table(pa.table({"text": broken}), tmp_path / "a.parquet")
    with pytest.raises(ArtefactError, match=r"cannot read .*a\.parquet: .*utf-8"):
        list(read_rows(tmp_path / "a.parquet"))


def test_a_folder_is_no_file(tmp_path):
    for ending in (*CONTENT, ".parquet"):
        (tmp_path / f"a{ending}").mkdir()
        with pytest.raises(ArtefactError, match=rf"cannot read .*a\{ending}: Is a directory"):
            list(read_rows(tmp_path / f"a{ending}"))


@pytest.mark.parametrize("ending", [".jsonl", ".json", ".parquet"])
def test_a_file_is_never_held_whole(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    texts = [{"text": f"{i} " + "word " * 500} for i in range(10_000)]
    if ending == ".parquet":  # all in one group of rows
        pq.write_table(pa.Table.from_pylist(texts), path, compression="none", use_dictionary=False)
    else:
        path.write_text(
            json.dumps(texts) if ending == ".json" else "\n".join(map(json.dumps, texts))
        )
    assert path.stat().st_size > 25_000_000
    before = pa.total_allocated_bytes()
    most = 0
    tracemalloc.start()
    numbers = []
    for row in read_rows(path):
        numbers.append(row.number)
        most = max(most, pa.total_allocated_bytes() - before)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert numbers == list(range(1, 10_001))
    assert peak < 4_000_000 and most < 8_000_000
