"""From the mark-up of MediaWiki to the sentences that a reader would see."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile

import mwparserfromhell
from mwparserfromhell.nodes import ExternalLink, Heading, HTMLEntity, Tag, Template, Text, Wikilink
from mwparserfromhell.parser import ParserError
from mwparserfromhell.wikicode import Wikicode

from maskpolicy.errors import InputError
from maskpolicy.sources.mediawiki.dump import UNSHOWN

_UNSHOWN_TAGS = frozenset(
    [
        *("ref", "references", "table", "gallery", "imagemap", "timeline", "graph", "score"),
        *("math", "chem", "ce", "hiero", "syntaxhighlight", "source", "pre", "templatedata"),
        *("inputbox", "categorytree", "section", "includeonly", "templatestyles", "maplink"),
        *("mapframe", "style"),
    ]
)
# They hold half of the mark-up of a page, and to parse it takes most of the time.
_NOTE = re.compile(r"<!--|<(ref|math|gallery|timeline)\b[^<>]*>", re.IGNORECASE)
_END_OF_COMMENT = re.compile("-->")
_ENDS = {
    name: re.compile(rf"</{name}\s*>", re.IGNORECASE)
    for name in ("ref", "math", "gallery", "timeline")
}
_LIST_TAGS = frozenset(["li", "dt", "dd"])
_BREAKING_TAGS = frozenset(["br", "hr", "p", "div", "blockquote", "poem"])

# Marks of lines that are no paragraph, of headings, and of what was cut out; no XML holds them, but
# what an entity in its text stands for may.
_ITEM, _HEADING, _HOLE = "\0", "\1", "\2"

_MARKS = re.compile("[\0\1\2]")

_QUOTES = re.compile(r"''+")
_SWITCHES = re.compile(r"__[A-Z]+__")
_OTHER_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z]+)*:")
_PREFORMATTED = re.compile(r"\n(?=[ \t]+[^\s\2])")
_LEFT_OVER = re.compile(r"\{\{+|\}\}+|\[\[+|\]\]+|</?\w+[^<>]*>")
_TABLE_LINE = re.compile(r"\s*(?:\{\||\|)")
_EMPTY_BRACKETS = re.compile(r"\(\s*[,;:/–—-]*\s*\)|\[\s*\]")
_AFTER_BRACKET = re.compile(r"\(\s*(?:[,;:]\s*)*")
_BEFORE_BRACKET = re.compile(r"\s*(?:[,;:]\s*)*\s\)")
_REPEATED = re.compile(r"([,;])(?:\s*[,;])+")
_BEFORE_MARK = re.compile(r"\s+(?=[,;)]|[.:?!](?:\s|$))")


_RANGES = frozenset(["-", "–", "to", "and", "or", "by", "x", "to(-)", "and(-)"])


def _measure(arguments: Sequence[str]) -> str:
    """What {{convert}} begins with: "5 km", "5 to 6 km"."""
    words = list(takewhile(lambda word: word, arguments[:6]))
    end = 2
    while end < len(words) and words[end - 1] in _RANGES:
        end += 2
    return " ".join(words[:end]).replace(" - ", "–").replace("(-)", "")


_WORDS: dict[str, Callable[[Sequence[str]], str]] = {
    **dict.fromkeys(["convert", "cvt"], _measure),
    **dict.fromkeys(["nowrap", "nobr", "abbr", "sic", "em", "strong", "small"], lambda a: a[0]),
    **dict.fromkeys(["lang", "transl", "transliteration"], lambda a: a[-1] if len(a) > 1 else ""),
    **dict.fromkeys(["ndash", "endash", "en dash", "nsndns"], lambda _: "–"),
    **dict.fromkeys(["snd", "spnd", "spaced ndash", "spaced en dash"], lambda _: " – "),
    **dict.fromkeys(["mdash", "emdash", "em dash"], lambda _: "—"),
    **dict.fromkeys(["circa", "c."], lambda a: f"c. {a[0]}"),
    **dict.fromkeys(["frac", "fraction"], lambda a: "/".join(a[-2:])),
    "as of": lambda a: f"As of {'-'.join(a)}",
    "nbsp": lambda _: " ",
}
"""Templates of the English Wikipedia that stand for words within a sentence, by their arguments."""


class UnreadableMarkup(InputError):
    """Mark-up that can't be parsed."""


def plain_text(markup: str, unshown: Iterable[str] = UNSHOWN) -> str:
    """The prose of a page: a paragraph a line, without what is left of mark-up.

    Templates (but for a few that are words of sentences), tables, references, formulas, listings,
    pictures, categories and links to other languages are dropped, and the items of lists, as
    WikiExtractor does: they are seldom sentences.
    A heading is a line of its own that ends in a full stop, so it is a sentence; there is none
    where no text follows it. `unshown` are the namespaces, in lower case, of pictures and
    categories. Raises UnreadableMarkup.
    """
    markup = "".join(_without_notes(_MARKS.sub("", markup)))
    try:
        code = mwparserfromhell.parse(markup, skip_style_tags=True)
        shown = "".join(_shown(code, frozenset(unshown)))
    except (ParserError, RecursionError) as error:
        raise UnreadableMarkup("mark-up that is nested too deeply") from error
    return "\n".join(_lines(shown))


def _without_notes(markup: str) -> Iterator[str]:
    """Mark-up in pieces, with a hole for each note, but of comments, which leave none.

    Of one that is never closed only the beginning is left out: the words after it may be text. What
    closes it is looked for once, not from each of many, and the parser would look again.
    """
    position = 0
    unclosed: set[re.Pattern[str]] = set()
    while begin := _NOTE.search(markup, position):
        yield markup[position : begin.start()]
        position = begin.end()
        if not begin[0].endswith("/>"):
            closing = _ENDS[begin[1].casefold()] if begin[1] else _END_OF_COMMENT
            end = None if closing in unclosed else closing.search(markup, position)
            if end is None:
                unclosed.add(closing)
                continue
            position = end.end()
        if begin[1]:
            yield _HOLE
    yield markup[position:]


def _shown(code: Wikicode, unshown: frozenset[str]) -> Iterator[str]:
    """The text of mark-up in pieces; arguments and comments have none."""
    for node in code.nodes:
        match node:
            case Text():
                yield _PREFORMATTED.sub(f"\n{_ITEM}", node.value)
            case Template():
                yield from _shown_of_template(node, unshown)
            case HTMLEntity():
                yield _MARKS.sub("", node.normalize())
            case Heading():
                words = " ".join("".join(_shown(node.title, unshown)).split())
                yield f"\n{_HEADING}{node.level}{words}\n"
            case Wikilink() if _is_shown(str(node.title), node.text is not None, unshown):
                title = node.title if node.text is None else node.text
                yield "".join(_shown(title, unshown)).removeprefix(":")
            case ExternalLink() if node.brackets and node.title is not None:
                yield from _shown(node.title, unshown)
            case Tag():
                yield from _shown_of_tag(node, unshown)


def _shown_of_tag(tag: Tag, unshown: frozenset[str]) -> Iterator[str]:
    name = str(tag.tag).strip().casefold()
    if name in _LIST_TAGS:
        yield f"\n{_ITEM}" if tag.wiki_markup is None else _ITEM
    if name in _BREAKING_TAGS:
        yield "\n"
    if name not in _UNSHOWN_TAGS and tag.contents is not None:
        yield from _shown(tag.contents, unshown)
        if name in _BREAKING_TAGS:
            yield "\n"


def _shown_of_template(template: Template, unshown: frozenset[str]) -> Iterator[str]:
    if words := _WORDS.get(str(template.name).strip().replace("_", " ").casefold()):
        given = [
            " ".join("".join(_shown(argument.value, unshown)).split())
            for argument in template.params
            if not argument.showkey
        ]
        yield words(given or [""])


def _is_shown(title: str, has_text: bool, unshown: frozenset[str]) -> bool:
    """Whether a link has words to read: a colon before its namespace makes it an ordinary one."""
    title = title.strip()
    if title.startswith(":"):
        return True
    namespace = title.partition(":")[0].strip().casefold() if ":" in title else ""
    return namespace not in unshown and not (not has_text and _OTHER_LANGUAGE.match(title))


def _lines(shown: str) -> Iterator[str]:
    """The headings and paragraphs of a text with marks, tidied."""
    paragraph: list[str] = []
    headings: list[tuple[int, str]] = []  # that no text followed yet
    for line in [*shown.split("\n"), ""]:
        # Of a table that is none; `_ITEM` may follow spaces, and bold quotes.
        no_text = _ITEM in line or _TABLE_LINE.match(line)
        if line.strip() and not no_text and not line.startswith(_HEADING):
            paragraph.append(line)
            continue
        if text := _tidy(" ".join(paragraph)):
            yield from (title if title[-1] in ".!?:" else f"{title}." for _, title in headings)
            headings = []
            yield text
        paragraph = []
        if line.startswith(_HEADING):
            level, title = int(line[1]), _tidy(line[2:])
            headings = [heading for heading in headings if heading[0] < level]
            headings += [(level, title)] if title else []


def _tidy(line: str) -> str:
    """A line without mark-up that was none, and without the holes that templates leave."""
    line = _QUOTES.sub("", line.replace(_HOLE, ""))
    line = _SWITCHES.sub("", line)
    line = _LEFT_OVER.sub("", line)
    line = _AFTER_BRACKET.sub("(", line)
    line = _BEFORE_BRACKET.sub(")", line)
    line = _EMPTY_BRACKETS.sub("", line)
    line = _REPEATED.sub(r"\1", line)
    line = " ".join(line.split())
    line = _BEFORE_MARK.sub("", line)
    return line if any(map(str.isalnum, line)) else ""
