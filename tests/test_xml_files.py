"""XML files: streamed, with the place that errors name, and safe from documents made to harm."""

import gzip
import tracemalloc

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.xml_files import DEEPEST, LONGEST_TAG, read_elements

PAGES = """<?xml version="1.0" encoding="UTF-8"?>
<pages>
  <page id="1">A <b>bold</b> &lt;word&gt;<page id="inner"/></page>
  <other>ignored</other>
  <page id="2" empty=""/>
</pages>
"""

LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))


def read(tmp_path, content, name="page", ending=""):
    path = tmp_path / f"pages.xml{ending}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_elements(path, name))


@pytest.mark.parametrize(("ending", "compress"), [("", bytes), (".gz", gzip.compress)])
def test_elements_with_what_is_in_them(tmp_path, ending, compress):
    first, second = read(tmp_path, compress(PAGES.encode()), ending=ending)
    assert [*first.texts()] == ["A ", "bold", " <word>"]
    assert [page.attribute("id") for page in first.inside("page")] == ["inner"]
    assert (second.place, second.parts) == (f"{tmp_path}/pages.xml{ending}, line 5", [])
    for attribute in ("empty", "missing"):
        with pytest.raises(ArtefactError, match=rf"line 5: <page> has no '{attribute}'"):
            second.attribute(attribute)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: not valid XML: no element found"),
        (PAGES[:-20], "line 5: not valid XML"),
        (PAGES.encode().replace(b"bold", b"b\xfcld"), "line 3: not valid XML"),
        (PAGES.replace("bold", "\0"), "line 3: not valid XML"),
        (PAGES.replace("bold", "&unknown;"), "line 3: not valid XML: undefined entity"),
        (PAGES.replace("<pages>", '<!DOCTYPE a SYSTEM "/etc/passwd"><pages>'), "line 2: a docum"),
        (f"<!DOCTYPE a [<!ENTITY l0 'ha'>{LAUGHS}]><page>&l9;</page>", "line 1: a document type"),
        (PAGES.replace("UTF-8", "UTF-9"), "its encoding is not known"),
        (PAGES.replace("UTF-8", "utf-7"), "its encoding is not known"),
        ("<page>" + "<a>" * DEEPEST, "line 1: over 200 elements in one another"),
        ("<a>" * (DEEPEST + 1), "line 1: over 200 elements in one another"),
        (PAGES.replace("page", "side"), "no <page> in it"),
    ],
)
def test_a_bad_document_is_named(tmp_path, content, said):
    with pytest.raises(ArtefactError, match=rf"pages\.xml(, |: ){said}"):
        read(tmp_path, content)


def test_a_bom_and_other_line_ends_are_no_matter(tmp_path):
    content = b"\xef\xbb\xbf" + PAGES.replace("\n", "\r\n").encode()
    assert [page.attribute("id") for page in read(tmp_path, content)] == ["1", "2"]


def test_a_document_is_not_held_in_memory(tmp_path):
    path = tmp_path / "pages.xml"
    page = f"<page>{'text ' * 2000}</page>\n"
    with path.open("w") as file:
        file.write("<pages>\n")
        for _ in range(2000):
            file.write(page)
        file.write("</pages>\n")
    tracemalloc.start()
    assert sum(1 for _ in read_elements(path, "page")) == 2000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2e6 < 20e6 < path.stat().st_size


def test_what_never_ends_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("maskpolicy.xml_files.LONGEST_LINE", 1 << 20)
    with pytest.raises(ArtefactError, match=r"pages\.xml, line 1: longer than 1 MB"):
        read(tmp_path, "<pages><page>" + "a" * (3 << 20))
    assert len(read(tmp_path, f"<pages>{'a' * (3 << 20)}<page/></pages>")) == 1


@pytest.mark.parametrize("begins", ['<pages a="', "<pages><!-- "])
def test_a_tag_without_end_is_refused_before_it_is_read_again_and_again(tmp_path, begins):
    with pytest.raises(ArtefactError, match=r"pages\.xml, line 1: a tag of over 8 MB"):
        read(tmp_path, begins + "a" * (LONGEST_TAG + (1 << 20)))
