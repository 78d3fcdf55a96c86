"""XSum: sections of articles, and ids that must not leave the folder."""

import json

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.sources.xsum import Seq2SeqExamples

ARTICLE = """[SN]URL[SN]
http://example.com

[SN]TITLE[SN]
A title

[SN]FIRST-SENTENCE[SN]
A ferry sank.

[SN]RESTBODY[SN]
Share this with
Email

Forty were saved.
By [SN] boats.
"""


@pytest.fixture
def source(tmp_path):
    """Makes the source of the ids of splits, with some articles by the names of their files."""

    def make(articles, **splits):
        for name, article in articles.items():
            (tmp_path / name).write_text(article)
        ids = {"train": [], "validation": [], "test": []} | splits
        (tmp_path / "ids.json").write_text(json.dumps(ids))
        return Seq2SeqExamples(
            source="xsum", folder=str(tmp_path), split_ids=str(tmp_path / "ids.json")
        )

    return make


def test_the_first_sentence_is_the_target_and_the_rest_the_source(source, tmp_path):
    own = source({"1.summary": ARTICLE, "2.data": ARTICLE}, train=["1"], validation=["2"])
    body, summary = "Forty were saved.\nBy [SN] boats.", "A ferry sank."
    assert own.splits() == {
        "train": [Example("1", body, body, summary, (summary,))],
        "dev": [Example("2", body, body, summary, (summary,))],
        "test": [],
    }
    assert own.paths() == {"folder": str(tmp_path), "split_ids": f"{tmp_path}/ids.json"}


def test_what_lacks_is_counted(source, capsys):
    files = {
        "1.summary": ARTICLE,
        "2.summary": ARTICLE.replace("A ferry sank.", ""),
        "3.summary": ARTICLE.replace("Forty were saved.\nBy [SN] boats.", ""),
    }
    own = source(files, train=["1", "2", "3", "4", "1"])
    assert [example.id for example in own.splits()["train"]] == ["1"]
    assert capsys.readouterr().err.split("ids.json, train: ")[1] == (
        "4 examples left out: 1 without a first sentence; 1 without a body; 1 without a file;"
        " 1 listed before\n"
    )
    with pytest.raises(ArtefactError, match=r"ids\.json: none of 2 test articles is in "):
        source(files, train=["1"], test=["8", "9"]).splits()


@pytest.mark.parametrize("name", ["../1", "/etc/passwd", "a/b", "..", "", "1\n", "1.summary", 1])
def test_an_id_that_could_leave_the_folder_is_refused(source, name):
    with pytest.raises(ArtefactError, match=r"ids\.json, validation 2: .* is no id of an article"):
        source({"1.summary": ARTICLE}, validation=["1", name]).splits()


@pytest.mark.parametrize(
    ("article", "said"),
    [
        (ARTICLE.replace("[SN]RESTBODY[SN]", ""), r": no \[SN\]RESTBODY\[SN\] in it"),
        (ARTICLE.replace("RESTBODY", "TITLE"), r", line 10: a second \[SN\]TITLE\[SN\]"),
        ("text\n" + ARTICLE, r", line 1: text before the first \[SN\]…\[SN\]"),
        ("", r": no \[SN\]FIRST-SENTENCE\[SN\] in it"),
    ],
)
def test_a_damaged_article_is_named(source, article, said):
    with pytest.raises(ArtefactError, match=rf"1\.summary{said}"):
        source({"1.summary": article}, train=["1"]).splits()


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ("[]", "an object of train, validation and test is expected"),
        ('{"train": [], "test": []}', "'validation' does not hold a list of ids"),
        ('{"train": "123", "validation": [], "test": []}', "'train' does not hold a list"),
        ('{"train": [', "not valid JSON"),
    ],
)
def test_damaged_ids_are_named(source, tmp_path, ids, said):
    own = source({})
    (tmp_path / "ids.json").write_text(ids)
    with pytest.raises(ArtefactError, match=rf"ids\.json.* {said}"):
        own.splits()
