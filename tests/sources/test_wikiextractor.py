"""WikiExtractor's files: folders of lines of JSON."""

import json

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Document
from maskpolicy.sources.wikiextractor import Documents


def write(path, *pages) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(page)}\n" for page in pages))


def page(title, text) -> dict:
    return {"id": "1", "revid": "2", "url": "https://a.org?curid=1", "title": title, "text": text}


def read(tmp_path) -> list[Document]:
    source = Documents(source="wikiextractor", path=str(tmp_path / "text" / "*" / "wiki_*"))
    return list(source.documents())


def test_files_of_folders_are_read_in_order(tmp_path, capsys):
    write(tmp_path / "text/AB/wiki_00", page("Chad", "Dry."))
    write(tmp_path / "text/AA/wiki_01", page("Japan", "Japan\n\nIts capital is Tokyo."))
    write(tmp_path / "text/AA/wiki_00", page("Kenya", "Kenya is green.\nYes."), page("Kenia", ""))
    assert read(tmp_path) == [
        Document("Kenya", "Kenya is green.\nYes."),
        Document("Japan", "Its capital is Tokyo."),
        Document("Chad", "Dry."),
    ]
    assert capsys.readouterr().err == (
        f"{tmp_path}/text/AA/wiki_00: 1 page left out: 1 without text\n"
    )


def test_what_is_wrong_is_named_by_file_and_line(tmp_path):
    with pytest.raises(ArtefactError, match="no file matches"):
        read(tmp_path)
    write(tmp_path / "text/AA/wiki_00", page("Kenya", "Green."), {"title": "Chad"})
    with pytest.raises(ArtefactError, match=r"wiki_00, line 2: the field 'text' is missing"):
        read(tmp_path)
    (tmp_path / "text/AA/wiki_00").write_text('<doc id="1" title="Kenya">\nKenya\n</doc>')
    with pytest.raises(ArtefactError, match=r"wiki_00, line 1: not valid JSON"):
        read(tmp_path)
