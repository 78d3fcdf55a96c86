"""Dumps of MediaWiki: which pages are articles, and what is wrong with a file."""

import bz2
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Document
from maskpolicy.sources.mediawiki import Documents, dump

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10">
  <siteinfo><sitename>Wiki</sitename><namespaces>
    <namespace key="0" /><namespace key="6">Datei</namespace>
    <namespace key="14">Kategorie</namespace>
  </namespaces></siteinfo>
"""


def page(
    title="Kenya", markup="Its capital is Nairobi.", ns="0", extra="", model="wikitext"
) -> str:
    name = "" if title is None else f"<title>{title}</title>"
    space = "" if ns is None else f"<ns>{ns}</ns>"
    text = f"<model>{model}</model><text>{markup}</text>"
    return f"<page>{name}{space}<id>1</id>{extra}<revision>{text}</revision></page>\n"


def dumped(*pages: str) -> bytes:
    return f"{HEAD}{''.join(pages)}</mediawiki>\n".encode()


def read(tmp_path, content: bytes, name="dump.xml") -> list[Document]:
    (tmp_path / name).write_bytes(content)
    return list(Documents(source="mediawiki", path=str(tmp_path / name)).documents())


def test_pages_that_are_no_articles_are_counted_and_left_out(tmp_path, capsys):
    pages = [
        page(),
        page("Kenia", extra='<redirect title="Kenya" />'),
        page("Old", "#REDIRECT [[Kenya]]"),
        page("Talk:Kenya", ns="1"),
        page("Module", model="Scribunto"),
        page("Infobox", "{{Infobox|name=Kenya}}"),
        page("Chad &amp; Niger", "Two of them."),
    ]
    assert read(tmp_path, dumped(*pages)) == [
        Document("Kenya", "Its capital is Nairobi."),
        Document("Chad & Niger", "Two of them."),
    ]
    assert capsys.readouterr().err == (
        f"{tmp_path}/dump.xml: 5 pages left out: 2 redirects; 1 of other namespaces;"
        " 1 of the model 'Scribunto'; 1 without text\n"
    )


def test_a_page_is_its_last_revision(tmp_path):
    old = page().replace("<revision>", "<revision><text>It was.</text></revision><revision>")
    assert [d.text for d in read(tmp_path, dumped(old))] == ["Its capital is Nairobi."]


def test_the_namespaces_of_pictures_are_those_of_the_wiki(tmp_path):
    markup = "Words [[Datei:A.png|thumb|a picture]] [[Bild|here]].[[Kategorie:Afrika]]"
    assert [d.text for d in read(tmp_path, dumped(page(markup=markup)))] == ["Words here."]


def test_files_of_a_pattern_are_read_in_order_compressed_or_not(tmp_path):
    (tmp_path / "wiki1.xml").write_bytes(dumped(page("One")))
    # As dumps with an index are: several streams one after the other.
    two = dumped(page("Two"), page("Three"))
    streams = bz2.compress(two[:300]) + bz2.compress(two[300:])
    (tmp_path / "wiki2.xml.bz2").write_bytes(streams)
    source = Documents(source="mediawiki", path=str(tmp_path / "wiki*"))
    assert [d.title for d in source.documents()] == ["One", "Two", "Three"]


BOMB = b"""<?xml version="1.0"?><!DOCTYPE mediawiki [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><mediawiki><page><title>&b;</title></page></mediawiki>"""


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "line 1: not valid XML: no element found"),
        (b"Some text.", "line 1: not valid XML: syntax error"),
        (dumped(page())[:-14], "line 6: not valid XML: no element found"),
        (
            dumped(page()).replace(b"Nairobi", b"Nai\xffrobi"),
            "line 6: not valid XML: not well-form",
        ),
        (
            dumped(page()).replace(b"capital", b"&capital;"),
            "line 6: not valid XML: undefined entity",
        ),
        (BOMB, "line 1: a document type is not allowed"),
        (dumped(page(title=None)), "line 6: the page that ends here has no <title>"),
        (dumped(page(title=" ")), "line 6: the page that ends here has no <title>"),
        (dumped(page(ns=None)), "line 6: the page that ends here has no <ns>"),
        (b"<mediawiki>" + b"<a>" * 1000, "line 1: over 200 elements in one another"),
        (b"\n<rss><page/></rss>", "line 2: <mediawiki> is expected, as a dump begins, not <rss>"),
    ],
)
def test_what_is_wrong_with_a_file_is_named_by_its_line(tmp_path, content, problem):
    with pytest.raises(ArtefactError, match=rf"^{tmp_path}/dump\.xml, {re.escape(problem)}"):
        read(tmp_path, content)


@pytest.mark.parametrize("encoding", ["UTF-9", "utf-7"])
def test_an_encoding_that_is_not_known_is_named(tmp_path, encoding):
    head = f'<?xml version="1.0" encoding="{encoding}"?>'.encode()
    with pytest.raises(ArtefactError, match=r"dump\.xml: its encoding is not known"):
        read(tmp_path, head + dumped(page()))


@pytest.mark.parametrize("cut", [0, 10, -1, -10])
def test_a_truncated_archive_is_named(tmp_path, cut):
    with pytest.raises(ArtefactError, match=r"dump\.xml\.bz2"):
        read(tmp_path, bz2.compress(dumped(page()))[:cut], "dump.xml.bz2")


def test_a_page_without_end_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(dump, "LONGEST_PAGE", 1 << 20)
    with pytest.raises(ArtefactError, match=r"line 6: a page of over 1 MB: this is no dump"):
        read(tmp_path, dumped(page(markup="text " * (1 << 20))))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_is_an_error_that_names_the_file_or_none(tmp_path, data):
    whole = dumped(page("One"), page("Two", "A [[link]] and {{a|b}} &lt;ref&gt;x&lt;/ref&gt;"))
    at = data.draw(st.integers(0, len(whole)))
    damage = data.draw(st.binary(max_size=4) | st.sampled_from([b"<page>", b"</text>", b"\0"]))
    kept = data.draw(st.integers(at, len(whole)))
    try:
        read(tmp_path, whole[:at] + damage + whole[kept:])
    except ArtefactError as error:
        assert str(error).startswith(f"{tmp_path}/dump.xml, line ")
