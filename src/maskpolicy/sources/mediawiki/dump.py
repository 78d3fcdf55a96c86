"""The pages of an XML dump of MediaWiki (www.mediawiki.org/xml/export-0.10), streamed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from maskpolicy.errors import ArtefactError
from maskpolicy.xml_files import XmlReader

LONGEST_PAGE = 1 << 26
"""Characters; MediaWiki itself takes pages of 2 MB."""

UNSHOWN = frozenset({"file", "image", "media", "category"})
"""Namespaces whose links are pictures and categories, not words, as all wikis know them."""

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
    reader = _Pages(path)
    for _ in reader.chunks():
        yield from reader.whole
        reader.whole.clear()


class _Pages(XmlReader):
    """Builds the pages of a dump."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.whole: list[Page] = []
        self._elements: tuple[str, ...] = ()
        self._page = Page()
        self._text: list[str] = []  # of the element that is read
        self._length = 0
        self._key = ""  # of the namespace whose name is read
        self._unshown = UNSHOWN

    def start(self, name: str, attributes: dict[str, str]) -> None:
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

    def text(self, data: str) -> None:
        if self._elements in _READ:
            self._text.append(data)
            self._length += len(data)
            if self._length > LONGEST_PAGE:
                raise self._wrong(f"a page of over {LONGEST_PAGE >> 20} MB: this is no dump")

    def end(self, name: str) -> None:
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
            self.whole.append(self._page)
        self._elements = self._elements[:-1]

    def _wrong(self, problem: str) -> ArtefactError:
        return ArtefactError(f"{self.place}: {problem}")
