"""HyperPartisan: two files joined by the ids of articles."""

import pytest
from pydantic import ValidationError

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.sources.hyperpartisan import LabelledExamples

ARTICLES = """<?xml version="1.0" encoding="utf-8"?>
<articles>
<article id="0000001" published-at="2017-01-01" title="Tom &amp;amp; Jerry">
<p>First
line, <a href="http://x" type="external">a link</a>.</p><p>He said: <q>No &amp;#38; no</q>.</p>
 <p> </p>loose</article>
<article id="0000002"><p>Plain.</p></article>
</articles>
"""

TRUTH = """<?xml version="1.0" encoding="utf-8"?>
<articles>
<article id="0000002" hyperpartisan="false" url="http://y" labeled-by="article"/>
<article id="0000001" hyperpartisan="true" url="http://x" labeled-by="article"/>
</articles>
"""


@pytest.fixture
def source(tmp_path):
    def make(articles=ARTICLES, truth=TRUTH, **fields):
        (tmp_path / "articles.xml").write_text(articles)
        (tmp_path / "truth.xml").write_text(truth)
        fields = {
            "train": f"{tmp_path}/articles.xml",
            "train_truth": f"{tmp_path}/truth.xml",
        } | fields
        return LabelledExamples(source="hyperpartisan", **fields)

    return make


def test_articles_without_tags_with_their_labels(source):
    text = "Tom & Jerry. First line, a link.\nHe said: No & no.\nloose"
    assert source().splits() == {
        "train": [
            ClassificationExample("0000001", text, None, "true"),
            ClassificationExample("0000002", "Plain.", None, "false"),
        ]
    }


def test_an_article_without_any_text_is_counted(source, capsys):
    own = source(ARTICLES.replace("<p>Plain.</p>", "<p/>"))
    assert len(own.splits()["train"]) == 1
    assert "articles.xml: 1 example left out: 1 without any text" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("articles", "truth", "said"),
    [
        (("0000002", "3"), ("", ""), r"articles\.xml, line 7: article '3' has no ground truth in "),
        (("0000002", "0000001"), ("", ""), r"articles\.xml, line 7: a second article with the id"),
        (('id="0000002"', ""), ("", ""), r"articles\.xml, line 7: <article> has no 'id'"),
        (('<article id="0000002"><p>Plain.</p></article>', ""), ("", ""), r"'0000002' is not in "),
        (("", ""), ("0000002", "0000001"), r"truth\.xml, line 4: a second ground truth of"),
        (("", ""), ("false", "no"), r"truth\.xml, line 3: hyperpartisan='no' is neither"),
        (("", ""), ("hyperpartisan", "hyper"), r"truth\.xml, line 3: <article> has no 'hyperpar"),
        (("<articles>", "<!DOCTYPE a [<!ENTITY b 'c'>]><articles>"), ("", ""), "a document type"),
        (("</articles>", ""), ("", ""), r"articles\.xml, line 9: not valid XML"),
    ],
)
def test_what_does_not_fit_together_is_named(source, articles, truth, said):
    with pytest.raises(ArtefactError, match=said):
        source(ARTICLES.replace(*articles), TRUTH.replace(*truth)).splits()


def test_articles_and_truth_are_configured_together(source):
    with pytest.raises(ValidationError, match="`test` and `test_truth` go together"):
        source(test="articles-test.xml")
    with pytest.raises(ValidationError, match="`dev` and `dev_truth` go together"):
        source(dev_truth="truth.xml")
