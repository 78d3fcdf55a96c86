"""WikiText: articles from their titles on, spelt as text is."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import wikitext
from maskpolicy.sources.base import Document
from maskpolicy.sources.wikitext import Documents, detokenised

TOKENS = """ 
 = Kenya ( country ) = 
 
 Kenya is a country . It is " green " , they say . 
 It has 50 @,@ 000 lions . 
 
 = = History = = 
 
 = = = 1895 – 1963 = = = 
 
 Kenya 's colony , well @-@ known . 
 a = b + c 
 
 = = Notes = = 
 
 = Chad = 
 
 Dry . 
 
 = = = 
"""


def read(tmp_path, text: str) -> list[Document]:
    (tmp_path / "wiki.tokens").write_text(text)
    return list(Documents(source="wikitext", path=str(tmp_path / "wiki.*")).documents())


def test_articles_are_their_paragraphs_and_headings(tmp_path):
    kenya, chad = read(tmp_path, TOKENS)
    assert kenya.title == "Kenya (country)"
    assert kenya.text.split("\n") == [
        'Kenya is a country. It is "green", they say.',
        "It has 50,000 lions.",
        "History.",
        "1895–1963.",
        "Kenya's colony, well-known.",
        "a = b + c",
    ]
    assert (chad.title, chad.text.split("\n")[0]) == ("Chad", "Dry.")


def test_what_stands_before_the_first_title_has_none(tmp_path):
    assert read(tmp_path, "= = Section = =\n\n Text .\n\n = A =\n\n More .\n") == [
        Document("", "Section.\nText."),
        Document("A", "More."),
    ]


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ('He said : " I don \'t know . "', 'He said: "I don\'t know."'),
        ("( 2 @.@ 5 m ) and / or 1 – 0", "(2.5 m) and/or 1–0"),
        ("the soldiers ' guns , we 'll see", "the soldiers' guns, we'll see"),
        ("<unk> @-@ class [ sic ]", "<unk>-class [sic]"),
    ],
)
def test_tokens_are_put_together(tokens, text):
    assert detokenised(tokens) == text


@pytest.mark.parametrize("text", ["", "Text without headings .\n", "= =\n\n=\n"])
def test_a_file_without_headings_is_refused(tmp_path, text):
    with pytest.raises(ArtefactError, match=r"wiki\.tokens: no line is a heading, as"):
        read(tmp_path, text)


def test_a_file_without_titles_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(wikitext, "LONGEST_ARTICLE", 1 << 20)
    with pytest.raises(ArtefactError, match="no line ` = Title = ` in 1 MB before it"):
        read(tmp_path, "= = A = =\n" + "text " * 300_000 + "\n")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.sampled_from("=  \n.'\"a@-/") | st.characters(exclude_categories=["Cs"])))
def test_any_text_is_read_or_refused(tmp_path, text):
    try:
        documents = read(tmp_path, text)
    except ArtefactError as error:
        assert str(error).startswith(f"{tmp_path}/wiki.tokens")
        return
    assert all(document.text.strip() for document in documents)
