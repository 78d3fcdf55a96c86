"""Readers of published formats, whatever bytes they get: rows, or an error that names the file."""

import json
from hashlib import sha1
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.registry import SOURCES, YIELDS, find_record

URL = "http://www.cnn.com/1"
STORY = f"{sha1(URL.encode()).hexdigest()}.story"
TRUTH = '<articles>\n<article id="1" hyperpartisan="true"/>\n</articles>\n'

FORMATS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "ag-news": ({"a.csv": '"1","Title","Some\\text."\n"2","B","c"\n'}, {"train": "a.csv"}),
    "bertsum": ({"a.json": '[{"src": [["A", "b."]], "tgt": [["C"]]}]'}, {"train": "a.json"}),
    "class-csv": (
        {"a.csv": '"1","Some ""text"".\\n"\n"2","b"\n', "classes.txt": "no\nyes\n"},
        {"train": "a.csv", "classes": "classes.txt"},
    ),
    "cnn-dm": (
        {"urls.txt": f"{URL}\n", STORY: "A b.\n\n@highlight\n\nC"},
        {"train": "urls.txt", "stories": "."},
    ),
    "dsp": ({"a.txt": '{"text": "<< a >> [[ b ]]", "label": "USES"}\n'}, {"train": "a.txt"}),
    "hyperpartisan": (
        {
            "a.xml": '<articles>\n<article id="1"><p>A &amp;amp; <q>b</q></p></article></articles>',
            "t.xml": TRUTH,
        },
        {"train": "a.xml", "train_truth": "t.xml"},
    ),
    "scicite": ({"a.jsonl": '{"string": "a [1]", "label": "method"}\n'}, {"train": "a.jsonl"}),
    "seg": ({"a.seg": "Good $T$ .\nsoup\n1\nBad $T$ .\nsoup\n-1\n"}, {"train": "a.seg"}),
    "semeval14": (
        {
            "a.xml": '<?xml version="1.0" encoding="utf-8"?><sentences>\n<sentence id="1"><text>A b'
            '</text><aspectTerm term="b" polarity="positive"/></sentence></sentences>'
        },
        {"train": "a.xml", "aspects": "terms"},
    ),
    "xsum": (
        {
            "ids.json": json.dumps({"train": ["1"], "validation": ["1"], "test": ["1"]}),
            "1.summary": "[SN]FIRST-SENTENCE[SN]\nA.\n\n[SN]RESTBODY[SN]\nB.\n",
        },
        {"folder": ".", "split_ids": "ids.json"},
    ),
}
"""Name -> small files, and the configuration that names them."""

PIECES = [
    *(b"", b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n", b'"', b"'", b"<", b">", b"&"),
    *(b"[", b"]", b"{", b"}", b":", b",", b"\\", b"\\ud800", b"null", b"1e999", b"-1", b"[" * 5000),
    *(b"<!DOCTYPE a>", b"<![CDATA[", b"&#0;", b"&#xD800;", b"../", b"[SN]", b"@highlight\n"),
    *(b"$T$", b"\x1f", b"\xc2\x85"),
    "\u2028\ufeff\U0001f600".encode(),
]


@st.composite
def damaged(draw, content: bytes) -> bytes:
    """The bytes of a file after a few cuts, insertions and repetitions."""
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted(draw(st.integers(0, len(content))) for _ in range(2))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=3) | st.just(content[start:end]))
        content = content[:start] + piece + content[draw(st.sampled_from([start, end])) :]
    return content


def source_of(name, folder: Path):
    _, fields = FORMATS[name]
    places = {
        key: str(folder / value) if key != "aspects" else value for key, value in fields.items()
    }
    kind = next(kind for kind in YIELDS if kind != "Documents" and find_record(name, kind))
    return find_record(name, kind)(source=name, **places)


@pytest.mark.parametrize("name", FORMATS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_rows_or_an_error_that_names_a_file(name, data, tmp_path):
    files, _ = FORMATS[name]
    for file, content in files.items():
        (tmp_path / file).write_text(content)
    assert source_of(name, tmp_path).splits()["train"]
    file = data.draw(st.sampled_from(sorted(files)))
    (tmp_path / file).write_bytes(data.draw(damaged(files[file].encode())))
    try:
        splits = source_of(name, tmp_path).splits()
    except ArtefactError as error:
        assert str(tmp_path) in str(error) and "\n" not in str(error)
        return
    for example in splits["train"]:
        assert example.id
        "".join(text for text in vars(example).values() if isinstance(text, str)).encode()


def test_the_formats_are_of_the_registry():
    assert set(FORMATS) <= set(SOURCES)
