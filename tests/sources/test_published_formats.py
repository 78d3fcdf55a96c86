"""Every published format: its valid files are read, and files near them give rows or one error.

A format joins by a line of PUBLISHED: the files of a small example of it, made up here. Those that
end in .json or .jsonl are written from what they hold; their keys are dropped and their values
replaced. All files are cut and changed byte by byte.
"""

import copy
import gzip
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha1
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import ClassificationExample, Document, Example, Source
from maskpolicy.sources.registry import SOURCES, YIELDS, find_record


@dataclass(frozen=True)
class Published:
    """The files of a format, by name, and the fields of its record.

    files: lists of objects as .jsonl, anything as .json, otherwise text; record: names of files or
    "." where a field is a path. Where none is that of the record's first path, it is `train`, or
    without it the first file.
    """

    files: dict[str, Any]
    record: dict[str, Any] = field(default_factory=dict)


CHOICES = [{"label": "A", "text": "more"}, {"label": "B", "text": "less"}]
WIQA = {
    "question": {
        "stem": "suppose it snows",
        "para_steps": ["It is cold.", "", "It snows."],
        "choices": CHOICES,
        "answer_label_as_choice": "B",
    },
    "metadata": {"ques_id": "influence_graph:7:1:1#0", "para_id": "7"},
}
QUARTZ = {
    "id": "QRQA-1",
    "para_id": "QRSent-1",
    "para": "Cold is slow.",
    "question": {"stem": "If cold, speed is", "choices": CHOICES},
    "answerKey": "B",
}
ROPES = {
    "version": "1.0",
    "data": [
        {
            "title": "ropes",
            "paragraphs": [
                {
                    "background": "Salt melts ice.",
                    "situation": "Cup A has salt.",
                    "qas": [{"id": "1", "question": "Which melts?", "answers": [{"text": "A"}]}],
                }
            ],
        }
    ],
}
TRIVIAQA = {
    "Data": [
        {
            "Question": "Who?",
            "QuestionId": "tc_1",
            "Answer": {"Value": "Ann", "Aliases": ["Ann", "Anna"]},
            "SearchResults": [],
        }
    ],
    "Version": 1.0,
}
WEBQUESTIONS = [
    {"url": "u", "utterance": "who?", "targetValue": '(list (description "Ann B") (description C))'}
]
MIRROR = [{"qId": "wqr1", "qText": "who?", "answers": ["Ann", "B"]}]
PASSAGES = [{"title": "Ann", "text": "Ann was first.", "score": 1000}]
BIENCODER = [{"question": "who?", "answers": ["Ann"], "positive_ctxs": PASSAGES}]

KILT = {
    "id": "1",
    "input": "who?",
    "output": [{"answer": "Ann", "provenance": [{"wikipedia_id": "3", "start_paragraph_id": 1}]}],
}
ARTICLES = '<articles>\n<article id="1"><p>A &amp;amp; <q>b</q></p></article>\n</articles>\n'
SENTENCES = """<?xml version="1.0" encoding="utf-8"?><sentences>
<sentence id="1"><text>A b</text><aspectTerm term="b" polarity="positive"/></sentence></sentences>
"""
DUMP = """<mediawiki><page><title>A</title><ns>0</ns>
<revision><text>A [[link]] and {{a|b}}.</text></revision></page></mediawiki>
"""
URL = "http://www.cnn.com/1"
STORY = f"{sha1(URL.encode()).hexdigest()}.story"
XSUM = "[SN]FIRST-SENTENCE[SN]\nA.\n\n[SN]RESTBODY[SN]\nB.\n"
PAGE = {"id": "1", "url": "u", "title": "A", "text": "A is a letter."}

PUBLISHED = [
    ("ag-news", Published({"a.csv": '"1","Title","Some\\text."\n"2","B","c"\n'})),
    ("bertsum", Published({"a.json": [{"src": [["A", "b."]], "tgt": [["C"]]}]})),
    (
        "class-csv",
        Published(
            {"a.csv": '"1","Some ""text"".\\n"\n"2","b"\n', "classes.txt": "no\nyes\n"},
            {"train": "a.csv", "classes": "classes.txt"},
        ),
    ),
    (
        "cnn-dm",
        Published(
            {"urls.txt": f"{URL}\n", STORY: "A b.\n\n@highlight\n\nC\n"},
            {"train": "urls.txt", "stories": "."},
        ),
    ),
    ("dpr-biencoder", Published({"nq-train.json": BIENCODER})),
    ("dpr-qa", Published({"nq-test.qa.csv": 'who?\t[\'Ann\', "B\'s"]\n"a ""b""?"\t[\'c\']\n'})),
    ("dsp", Published({"a.jsonl": [{"text": "<< a >> [[ b ]]", "label": "USES"}]})),
    (
        "hyperpartisan",
        Published(
            {
                "a.xml": ARTICLES,
                "t.xml": '<articles>\n<article id="1" hyperpartisan="true"/>\n</articles>\n',
            },
            {"train": "a.xml", "train_truth": "t.xml"},
        ),
    ),
    ("kilt", Published({"wow-dev-kilt.jsonl": [KILT]})),
    ("mediawiki", Published({"dump.xml": DUMP})),
    ("nq-open", Published({"NQ-open.dev.jsonl": [{"question": "who?", "answer": ["Ann"]}]})),
    ("quartz", Published({"train.jsonl": [QUARTZ]})),
    ("ropes", Published({"train-v1.0.json": ROPES})),
    (
        "rt-polarity",
        Published({"rt-polarity.pos": "a\n", "rt-polarity.neg": "b\n"}, {"folder": "."}),
    ),
    ("scicite", Published({"a.jsonl": [{"string": "a [1]", "label": "method"}]})),
    ("seg", Published({"a.seg": "Good $T$ .\nsoup\n1\nBad $T$ .\nsoup\n-1\n"})),
    ("semeval14", Published({"a.xml": SENTENCES}, {"aspects": "terms"})),
    ("text", Published({"a.txt": "A\nb.\n\nC.\n"})),
    ("triviaqa", Published({"unfiltered-web-train.json": TRIVIAQA})),
    ("tsv", Published({"a.tsv": 'a "b\tyes\nc\tno\n'}, {"text_column": 0, "label_column": 1})),
    ("webquestions", Published({"webquestions.examples.train.json": WEBQUESTIONS})),
    ("webquestions", Published({"trainmodel.json": MIRROR})),
    ("wikiextractor", Published({"wiki_00.jsonl": [PAGE]})),
    ("wikitext", Published({"wiki.train.tokens": " = A = \n \n A is a letter . \n"})),
    ("wiqa", Published({"train.jsonl": [WIQA]})),
    (
        "xsum",
        Published(
            {
                "ids.json": {"train": ["1"], "validation": ["1"], "test": ["1"]},
                "1.summary": XSUM,
            },
            {"folder": ".", "split_ids": "ids.json"},
        ),
    ),
]

each_format = pytest.mark.parametrize(
    ("name", "published"), PUBLISHED, ids=[f"{name}:{next(iter(p.files))}" for name, p in PUBLISHED]
)
fuzzed = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

PIECES = [
    *(b"", b"\0", b"\xff", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n", b"\t", b'"', b"'", b"'("),
    *(b"<", b">", b"&", b"[", b"]", b"{", b"}", b":", b",", b"\\", b"\\ud800", b"null", b"1e999"),
    *(b"-1", b"[" * 5000, b"<!DOCTYPE a>", b"<![CDATA[", b"&#0;", b"&#xD800;", b"../", b"[SN]"),
    *(b"<a>" * 5000, b"{{" * 5000, b"@highlight\n", b"$T$", b"\x1f", b"\xc2\x85", b" = A = \n"),
    *(b'<?xml version="1.0" encoding="utf-9"?>', "\u2028\ufeff\U0001f600".encode()),
]

JUNK = [None, True, 0, -1.5, "", " ", "\ud800", "x", [], [[]], [""], {}, {"x": {}}, [{"x": 0}]]


def records(name: str, published: Published, folder: Path) -> Iterator[Source]:
    """The records of what a source yields, of files in this folder."""
    for kind in YIELDS:
        if record := find_record(name, kind):
            first = published.record.get("train", next(iter(published.files)))
            fields = {record.PATHS[0]: first, **published.record}
            yield record(
                source=name,
                **{
                    key: str(folder / value) if key in record.PATHS else value
                    for key, value in fields.items()
                    if key in record.model_fields
                },
            )


def read(source: Source) -> list[Any]:
    """All that a source yields."""
    if hasattr(source, "documents"):
        return list(source.documents())
    return [example for some in source.splits().values() for example in some]


def write(path: Path, content: Any) -> bytes:
    """Write a file in its format, and return its bytes."""
    if path.suffix == ".jsonl":
        written = "".join(json.dumps(row) + "\n" for row in content).encode()
    else:
        text = json.dumps(content) if path.suffix == ".json" else content
        written = text.encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(written)
    return written


def rows_or_one_error(name: str, published: Published, folder: Path, changed: str) -> list[Any]:
    """What is read; none where an ArtefactError says in a line which file is wrong."""
    rows = []
    for source in records(name, published, folder):
        try:
            rows += read(source)
        except ArtefactError as error:
            assert "\n" not in str(error)
            assert len(published.files) > 1 or changed in str(error)
    for row in rows:
        match row:
            case Example():
                assert row.id and row.source.strip() and row.target == row.answers[0]
                assert all(isinstance(text, str) and text.strip() for text in row.answers)
                assert not row.choices or row.target in row.choices
                texts = [row.id, row.context, row.source, row.group, *row.answers, *row.choices]
            case ClassificationExample():
                assert row.id and row.label
                texts = [row.id, row.text, row.pair or "", row.label, row.group]
            case Document():
                texts = [row.title, row.text]
        "".join(texts).encode()
    return rows


def places(value: Any, above: tuple = ()) -> list[tuple]:
    """The paths of all values in JSON."""
    inner: Iterable = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    return [above, *(place for key, part in inner for place in places(part, (*above, key)))]


def changed_at(value: Any, place: tuple, junk: Any) -> Any:
    """JSON with another value at one place; DROP takes it away."""
    if not place:
        return [] if junk is DROP else junk
    value = copy.deepcopy(value)
    *above, key = place
    holder = value
    for step in above:
        holder = holder[step]
    if junk is DROP:
        del holder[key]
    else:
        holder[key] = junk
    return value


DROP = object()


@st.composite
def damaged(draw, content: bytes) -> bytes:
    """The bytes of a file after a few cuts, insertions and repetitions."""
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted(draw(st.integers(0, len(content))) for _ in range(2))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=3) | st.just(content[start:end]))
        content = content[:start] + piece + content[draw(st.sampled_from([start, end])) :]
    return content


@each_format
def test_a_valid_file_is_read_also_as_other_systems_write_it(name, published, tmp_path):
    for file, content in published.files.items():
        write(tmp_path / file, content)
    expected = [read(source) for source in records(name, published, tmp_path)]
    assert all(expected)
    rows_or_one_error(name, published, tmp_path, "")
    for file, content in published.files.items():
        path = tmp_path / file
        written = write(path, content)
        path.write_bytes(written.replace(b"\n", b"\r\n"))
        assert [read(source) for source in records(name, published, tmp_path)] == expected
        path.write_bytes(written)


@each_format
def test_a_file_may_be_compressed(name, published, tmp_path):
    if len(published.files) > 1:
        pytest.skip("which of several files may be compressed is a matter of the format")
    ((file, content),) = published.files.items()
    written = write(tmp_path / file, content)
    expected = [read(source) for source in records(name, published, tmp_path)]
    (tmp_path / f"{file}.gz").write_bytes(gzip.compress(written))
    packed = Published({f"{file}.gz": ""}, published.record)
    assert [read(source) for source in records(name, packed, tmp_path)] == expected


@each_format
def test_a_missing_file_is_named(name, published, tmp_path):
    files = "|".join(map(re.escape, published.files))
    for source in records(name, published, tmp_path):
        with pytest.raises(ArtefactError, match=files):
            read(source)


@each_format
@fuzzed
@given(data=st.data())
def test_other_keys_and_types_are_rows_or_one_error(name, published, tmp_path, data):
    files = [file for file in published.files if Path(file).suffix in (".json", ".jsonl")]
    if not files:
        return
    for file, content in published.files.items():
        write(tmp_path / file, content)
    file = data.draw(st.sampled_from(files))
    content = published.files[file]
    place = data.draw(st.sampled_from([place for place in places(content) if place]))
    junk = data.draw(st.sampled_from([DROP, *JUNK]))
    write(tmp_path / file, changed_at(content, place, junk))
    rows_or_one_error(name, published, tmp_path, file)


@each_format
@fuzzed
@given(data=st.data())
def test_damaged_bytes_are_rows_or_one_error(name, published, tmp_path, data):
    written = {file: write(tmp_path / file, content) for file, content in published.files.items()}
    file = data.draw(st.sampled_from([*written]))
    (tmp_path / file).write_bytes(data.draw(damaged(written[file])))
    rows_or_one_error(name, published, tmp_path, file)


@pytest.mark.parametrize("name", sorted({name for name, _ in PUBLISHED} - {"text"}))
def test_a_published_format_says_whose_it_is(name):
    module = import_module(SOURCES[name])
    assert module.LICENCE.strip() and module.CITATION.strip()
