"""The pages of an XML dump of MediaWiki (www.mediawiki.org/xml/export-0.10), streamed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from maskpolicy.errors import ArtefactError
from maskpolicy.text_files import open_bytes

LONGEST_PAGE = 1 << 26
"""Characters; MediaWiki itself takes pages of 2 MB."""

UNSHOWN = frozenset({"file", "image", "media", "category"})
"""Namespaces whose links are pictures and categories, not words, as all wikis know them."""

_CHUNK = 1 << 16
_UNSHOWN_KEYS = {"-2", "6", "14"}

_NAMESPACE = ("mediawiki", "siteinfo", "namespaces", "namespace")
_PAGE = ("mediawiki", "page")
_REDIRECT = (*_PAGE, "redirect")
_REVISION = (*_PAGE, "revision")
_READ = {
    _NAMESPACE: "namespace",
    (*_PAGE, "title"): "title",
    (*_PAGE, "ns"): "namespace",
    (*_REVISION, "model"): "model",
    (*_REVISION, "text"): "markup",
}
"""Which elements have text that is read, and what it is of the page."""


@dataclass
class Page:
    """A page: the mark-up of its last revision, and what tells it from an article.

    unshown: the names, in lower case, of the namespaces that links of this wiki only show pictures
    or name categories with.
    """

    title: str = ""
    namespace: str = ""
    model: str = "wikitext"
    markup: str = ""
    redirect: bool = False
    unshown: frozenset[str] = UNSHOWN

    @property
    def no_article(self) -> str | None:
        """Why it is none; None where it is one."""
        if self.namespace != "0":
            return "of other namespaces"
        if self.redirect or self.markup.lstrip()[:9].casefold() == "#redirect":
            return "redirects"
        return None if self.model == "wikitext" else f"of the model {self.model!r}"


def read_pages(path: Path) -> Iterator[Page]:
    """The pages of a dump, which may be compressed, one after the other.

    Raises ArtefactError naming the file, and the line where it is not XML, declares a document
    type, or is not as a dump is.
    """
    pages = _Pages(path)
    with open_bytes(path) as file:
        while chunk := file.read(_CHUNK):
            yield from pages.of(chunk)
        yield from pages.of(b"", last=True)


class _Pages:
    """A parser that is fed with bytes and gives the pages that are whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._elements: tuple[str, ...] = ()
        self._page = Page()
        self._text: list[str] = []  # of the element that is read
        self._length = 0
        self._key = ""  # of the namespace whose name is read
        self._unshown = UNSHOWN
        self._whole: list[Page] = []
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype

    def of(self, chunk: bytes, last: bool = False) -> list[Page]:
        """The pages that end in a chunk."""
        self._whole = []
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            problem = f"not valid XML: {expat.ErrorString(error.code)}"
            raise ArtefactError(f"{self._path}, line {error.lineno}: {problem}") from error
        return self._whole

    def _wrong(self, problem: str) -> ArtefactError:
        return ArtefactError(f"{self._path}, line {self._parser.CurrentLineNumber}: {problem}")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._elements and name != "mediawiki":
            raise self._wrong(f"<mediawiki> is expected, as a dump begins, not <{name}>")
        self._elements = (*self._elements, name)
        if self._elements == _PAGE:
            self._page = Page(unshown=self._unshown)
        elif self._elements == _REVISION:
            self._page.markup = ""
        elif self._elements == _REDIRECT:
            self._page.redirect = True
        elif self._elements == _NAMESPACE:
            self._key = attributes.get("key", "")
        if self._elements in _READ:
            self._text, self._length = [], 0

    def _characters(self, data: str) -> None:
        if self._elements in _READ:
            self._text.append(data)
            self._length += len(data)
            if self._length > LONGEST_PAGE:
                raise self._wrong(f"a page of over {LONGEST_PAGE >> 20} MB: this is no dump")

    def _end(self, name: str) -> None:
        if field := _READ.get(self._elements):
            text = "".join(self._text)
            if self._elements == _NAMESPACE:
                if self._key in _UNSHOWN_KEYS:
                    self._unshown |= {text.casefold()}
            else:
                setattr(self._page, field, text if field == "markup" else text.strip())
        elif self._elements == _PAGE:
            for field in ("title", "ns"):
                if not getattr(self._page, "namespace" if field == "ns" else field):
                    raise self._wrong(f"the page that ends here has no <{field}>")
            self._whole.append(self._page)
        self._elements = self._elements[:-1]

    def _doctype(self, *_: object) -> None:
        # Dumps have none, and entities can be made to fill the memory.
        raise self._wrong("a document type is not allowed")
