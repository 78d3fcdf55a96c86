"""Large XML documents, streamed: elements that know their place in the file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from maskpolicy.errors import ArtefactError
from maskpolicy.text_files import LONGEST_LINE, open_bytes

DEEPEST = 200
"""Elements in one another: deeper ones are made to exhaust what reads them."""

LONGEST_TAG = 1 << 23
"""Bytes of a tag, or a comment: expat looks through them anew with every chunk."""

_CHUNK = 1 << 16


class XmlReader:
    """Goes through an XML document, which may be compressed; a format overrides what it is told of.

    A document larger than memory is no matter. A document type is refused: published files have
    none, and its entities can be made to fill the memory; so are elements deeper than DEEPEST, a
    tag over LONGEST_TAG, and over 128 MB of what is kept whole (see `kept_from`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._depth = 0
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self.text
        self._parser.StartDoctypeDeclHandler = self._doctype

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, data: str) -> None:
        """A piece of text."""

    @property
    def byte(self) -> int:
        """Where the reader is."""
        return self._parser.CurrentByteIndex

    @property
    def kept_from(self) -> int:
        """From which byte on all is in memory."""
        return self.byte

    @property
    def place(self) -> str:
        """The file and line where the reader is, as errors name it."""
        return f"{self.path}, line {self._parser.CurrentLineNumber}"

    def chunks(self) -> Iterator[None]:
        """Read on, chunk after chunk. Raises ArtefactError naming the file and line."""
        size = 0
        with open_bytes(self.path) as file:
            chunk = b"."
            while chunk:
                chunk = file.read(_CHUNK)
                try:
                    self._parser.Parse(chunk, not chunk)
                except expat.ExpatError as error:
                    problem = f"not valid XML: {expat.ErrorString(error.code)}"
                    raise ArtefactError(f"{self.path}, line {error.lineno}: {problem}") from error
                except (LookupError, ValueError) as error:  # of what the declaration says it is
                    problem = f"its encoding is not known: {error}"
                    raise ArtefactError(f"{self.path}: {problem}") from error
                yield
                size += len(chunk)
                if size - self.byte > LONGEST_TAG:
                    raise ArtefactError(f"{self.place}: a tag of over {LONGEST_TAG >> 20} MB")
                if size - self.kept_from > LONGEST_LINE:
                    raise ArtefactError(f"{self.place}: longer than {LONGEST_LINE >> 20} MB")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ArtefactError(f"{self.place}: over {DEEPEST} elements in one another")
        self.start(name, attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self.end(name)

    def _doctype(self, *_: object) -> None:
        raise ArtefactError(f"{self.place}: a document type is not allowed")


@dataclass
class XmlElement:
    """An element, what is in it, and the place that errors name: the file and its first line."""

    place: str  # "articles.xml, line 3"
    name: str
    attributes: dict[str, str]
    parts: "list[str | XmlElement]" = field(default_factory=list)  # in their order

    def wrong(self, problem: str) -> ArtefactError:
        """What to raise about this element."""
        return ArtefactError(f"{self.place}: {problem}")

    def attribute(self, name: str) -> str:
        """An attribute that is not empty. Raises ArtefactError where there is none."""
        if value := self.attributes.get(name):
            return value
        raise self.wrong(f"<{self.name}> has no {name!r}")

    def inside(self, name: str) -> "Iterator[XmlElement]":
        """The elements of a name in it, at any depth, in their order."""
        for part in self.parts:
            if isinstance(part, XmlElement):
                if part.name == name:
                    yield part
                yield from part.inside(name)

    def texts(self) -> Iterator[str]:
        """All pieces of text in it, in their order."""
        for part in self.parts:
            if isinstance(part, str):
                yield part
            else:
                yield from part.texts()


def read_elements(path: Path, name: str) -> Iterator[XmlElement]:
    """The elements of a name in an XML document (see :class:`XmlReader`), one after the other.

    Raises ArtefactError naming the file and line, also where no element has the name.
    """
    reader = _Elements(path, name)
    found = False
    for _ in reader.chunks():
        found = found or bool(reader.complete)
        yield from reader.complete
        reader.complete.clear()
    if not found:
        raise ArtefactError(f"{path}: no <{name}> in it")


class _Elements(XmlReader):
    """Builds the elements of a name."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path)
        self.complete: list[XmlElement] = []
        self._name = name
        self._around: list[XmlElement] = []  # the elements that are being read, the outermost first
        self._begins = 0

    @property
    def kept_from(self) -> int:
        return self._begins if self._around else self.byte

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if self._around or name == self._name:
            element = XmlElement(self.place, name, attributes)
            if self._around:
                self._around[-1].parts.append(element)
            else:
                self._begins = self.byte
            self._around.append(element)

    def end(self, name: str) -> None:
        if self._around:
            element = self._around.pop()
            if not self._around:
                self.complete.append(element)

    def text(self, data: str) -> None:
        if self._around:
            self._around[-1].parts.append(data)
