"""Large XML documents, streamed: elements that know their place in the file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from maskpolicy.errors import ArtefactError
from maskpolicy.text_files import LONGEST_LINE, open_bytes

DEEPEST = 200
"""Elements in one another: deeper ones are made to exhaust what reads them."""

_CHUNK = 1 << 16


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
    """The elements of a name in an XML document, which may be compressed, one after the other.

    A document larger than memory is no matter, an element over 128 MB is refused. So is a document
    type: published files have none, and its entities can be made to fill the memory. Raises
    ArtefactError naming the file and line, also where no element has the name.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    around: list[XmlElement] = []  # the elements that are being read, the outermost first
    complete: list[XmlElement] = []
    depth = size = begins = 0

    def place() -> str:
        return f"{path}, line {parser.CurrentLineNumber}"

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, begins
        depth += 1
        if depth > DEEPEST:
            raise ArtefactError(f"{place()}: over {DEEPEST} elements in one another")
        if around or tag == name:
            element = XmlElement(place(), tag, attributes)
            if around:
                around[-1].parts.append(element)
            else:
                begins = parser.CurrentByteIndex
            around.append(element)

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1
        if around:
            element = around.pop()
            if not around:
                complete.append(element)

    def text(data: str) -> None:
        if around:
            around[-1].parts.append(data)

    def doctype(*_: object) -> None:
        raise ArtefactError(f"{place()}: a document type is not allowed")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = doctype
    found = False
    with open_bytes(path) as file:
        chunk = b"."
        while chunk:
            chunk = file.read(_CHUNK)
            try:
                parser.Parse(chunk, not chunk)
            except expat.ExpatError as error:
                problem = f"not valid XML: {expat.ErrorString(error.code)}"
                raise ArtefactError(f"{path}, line {error.lineno}: {problem}") from error
            except (LookupError, ValueError) as error:  # of what the declaration says it is
                raise ArtefactError(f"{path}: its encoding is not known: {error}") from error
            found = found or bool(complete)
            yield from complete
            complete.clear()
            size += len(chunk)
            # Of what is not read to its end, an element or a single tag, all is in memory.
            if size - (begins if around else parser.CurrentByteIndex) > LONGEST_LINE:
                raise ArtefactError(f"{place()}: longer than {LONGEST_LINE >> 20} MB")
    if not found:
        raise ArtefactError(f"{path}: no <{name}> in it")
