"""What policies mask, side by side on the same passages: in the terminal and as a page."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from maskpolicy.artefacts import write_text
from maskpolicy.corpora.documents import StoredDocuments
from maskpolicy.corpora.row_texts import place_tokens
from maskpolicy.corpora.shards import TokenBatch, read_token_batches
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.decisions.base import Decisions
from maskpolicy.decisions.files import decision_file, next_decisions, read_decisions
from maskpolicy.errors import InputError
from maskpolicy.reporting.pages import environment

NARROWEST_COLUMN = 30
"""Characters; where a column a policy would be narrower, policies stand below each other."""

FIRST_ROWS = 3
"""Which rows are shown where none is named."""

MOST_NAMES = 30
"""Of folders, that an error lists."""

WHITE = "␣"
_VISIBLE = {"\n": "↵", "\t": "⇥"}
"""White space that is masked, so that it can be seen."""

_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
_STYLE = "bold black on bright_yellow"


@dataclass(frozen=True)
class Piece:
    """A masked span, or the text up to the next one. An insertion is a span of no text."""

    text: str
    masked: bool

    def __str__(self) -> str:
        return f"[{self.text}]" if self.masked else self.text


@dataclass(frozen=True)
class Masking:
    """How one policy masks a passage."""

    policy: str
    pieces: tuple[Piece, ...]
    tokens: int
    masked_tokens: int

    @property
    def summary(self) -> str:
        """What was masked, counted."""
        spans = sum(piece.masked and piece.text != "" for piece in self.pieces)
        insertions = sum(piece.masked and piece.text == "" for piece in self.pieces)
        if not spans and not insertions:
            return "nothing masked, so no training example"
        counts = [
            f"{self.masked_tokens} of {_counted(self.tokens, 'token')}",
            _counted(spans, "span"),
            *([_counted(insertions, "insertion")] if insertions else []),
        ]
        return ", ".join(counts)


@dataclass(frozen=True)
class Passage:
    """A row of the corpus, which `row` counts from 0, and the masks of each policy."""

    row: int
    maskings: tuple[Masking, ...]


@dataclass(frozen=True)
class Corpus:
    """The files that masks are masks of: token shards, in order, documents, and a tokenizer."""

    shards: tuple[Path, ...]
    documents: Path
    tokenizer: Path


def show_masks(
    folders: Sequence[Path],
    rows: Sequence[int] | None = None,
    epoch: int = 0,
    page: Path | None = None,
) -> None:
    """Print passages with the spans that each policy masks; write them as an HTML page too.

    `folders` are masks/CORPUS/TOKENIZER/POLICY of one corpus and tokenizer; `rows` counts the rows
    of the corpus from 0, which shows the first three where none is named. Raises ArtefactError,
    naming a damaged file, and InputError, saying what there is, for a folder without masks, an
    epoch or a row that is not there.
    """
    corpus = find_corpus(folders[0])
    masks = {}
    for folder, name in zip(folders, _names(folders), strict=True):
        if find_corpus(folder) != corpus:
            raise InputError(f"{folder} holds masks of another corpus or tokenizer: {folders[0]}")
        _check_epoch(folder, epoch)
        masks[name] = [decision_file(folder, epoch, shard) for shard in corpus.shards]
    passages = read_passages(corpus, masks, rows)
    print_passages(passages, Console(highlight=False))
    if page is not None:
        write_text(page, render_page(passages))


def find_corpus(masks: Path) -> Corpus:
    """The corpus of a folder of masks, which follows from where it lies: as it is named, through
    links, or where the links lead.

    Raises InputError, naming the folder and what is there instead.
    """
    for folder in (_absolute(masks), masks.resolve()):
        if not masks.is_dir() or len(folder.parents) < 4:
            continue
        tokenizer, corpus, _, above = folder.parents[:4]
        results = above.resolve()
        tokens = results / "corpora" / corpus.name / tokenizer.name
        manifests = tokens.glob("shard-*.json")
        numbers = sorted(int(path.stem.removeprefix("shard-")) for path in manifests)
        if numbers:
            return Corpus(
                tuple(tokens / f"shard-{number}.arrow" for number in numbers),
                tokens.parent / "documents",
                results / "tokenizers" / tokenizer.name,
            )
    there = next(path for path in (masks, *_absolute(masks).parents) if path.is_dir())
    names = sorted(path.name for path in there.glob("[!.]*") if path.is_dir())
    if len(names) > MOST_NAMES:
        names[MOST_NAMES:] = ["…"]
    raise InputError(
        f"{masks} is not a folder masks/CORPUS/TOKENIZER/POLICY:"
        f" {there} has {', '.join(names) or 'no folders'}"
    )


def _absolute(path: Path) -> Path:
    """The path from the root as it is named, without following links."""
    return Path(os.path.normpath(path.absolute()))


def read_passages(
    corpus: Corpus, masks: Mapping[str, Sequence[Path]], rows: Sequence[int] | None = None
) -> list[Passage]:
    """The passages of `rows`, in the order of the corpus; reads no further than the last.

    Raises InputError for a row that is not there.
    """
    tokenizer, documents = load_tokenizer(corpus.tokenizer), StoredDocuments(corpus.documents)
    wanted = sorted(set(range(FIRST_ROWS) if rows is None else rows))
    passages = []
    begin = end = 0
    for shard, batch, decisions in _read_batches(corpus.shards, masks):
        begin, end = end, end + len(batch)
        for row in wanted:
            if begin <= row < end:
                tokens = batch.tokens.slice(row - begin, 1)
                (text,), start, stop = place_tokens(shard, tokens, documents, tokenizer)
                placed = PlacedTokens(text, start, stop)
                in_row = slice(*batch.offsets[row - begin : row - begin + 2])
                passages.append(Passage(row, tuple(_maskings(placed, decisions, in_row))))
        if len(passages) == len(wanted):
            return passages
    missing = set(wanted) - {passage.row for passage in passages}
    if rows is None and passages:
        return passages
    raise InputError(f"there is no row {min(missing)}: the corpus has rows 0 to {end - 1}")


def print_passages(passages: Sequence[Passage], console: Console) -> None:
    """Print passages: a column a policy where they fit, else a line a policy; spans in [ ]."""
    for passage in passages:
        beside = console.width // max(1, len(passage.maskings)) >= NARROWEST_COLUMN
        console.print(_columns(passage) if beside else _lines(passage))


def render_page(passages: Sequence[Passage]) -> str:
    """The passages as an HTML page that needs no other file."""
    return environment(autoescape=True).get_template("masks.html").render(passages=passages)


@dataclass(frozen=True)
class PlacedTokens:
    """The text of a row and where its T tokens stand in it (see :func:`place_tokens`)."""

    text: str
    start: np.ndarray
    end: np.ndarray

    @property
    def white(self) -> np.ndarray:
        """The tokens that are all white space, bool [T]."""
        return self.end <= self.start

    @property
    def begin(self) -> np.ndarray:
        """Where tokens begin; those that are all white space do at the end of those before."""
        reached = np.maximum.accumulate(np.concatenate([[0], self.end[:-1]]))
        return np.where(self.white, np.minimum(reached, np.maximum(self.end, 0)), self.start)

    def pieces(self, mask: np.ndarray, insertions: np.ndarray) -> Iterator[Piece]:
        """Cut the text into masked spans and what is between them, spaces outside of spans.

        A character is masked with any of the tokens that it is made of.
        """
        begin, end = self.begin.tolist(), self.end.tolist()
        shown = list(_printable(self.text))
        for white in np.flatnonzero(mask & self.white).tolist():
            for at in range(begin[white], end[white]):
                shown[at] = _VISIBLE.get(self.text[at], WHITE)
        at = token = 0
        while token < len(begin):
            first = max(begin[token], at)
            if insertions[token] and not (mask[token] and token and mask[token - 1]):
                yield from _text(shown[at:first])
                yield Piece("", True)
                if first and shown[first - 1] == " ":
                    yield Piece(" ", False)
                at = first
            if not mask[token]:
                token += 1
                continue
            last = token + 1
            while last < len(begin) and mask[last] and not insertions[last]:
                last += 1
            stop = max(first, *end[token:last])
            yield from _text(shown[at:first])
            yield Piece("".join(shown[first:stop]) or WHITE, True)
            at, token = stop, last
        yield from _text(shown[at:])


def _text(characters: Sequence[str]) -> Iterator[Piece]:
    if characters:
        yield Piece("".join(characters), False)


def _maskings(
    placed: PlacedTokens, decisions: Mapping[str, Decisions], tokens: slice
) -> Iterator[Masking]:
    for policy, made in decisions.items():
        mask = made.mask[tokens]
        insertions = np.zeros_like(mask) if made.insertions is None else made.insertions[tokens]
        pieces = tuple(placed.pieces(mask, insertions))
        yield Masking(policy, pieces, len(mask), int(mask.sum()))


def _names(folders: Sequence[Path]) -> list[str]:
    """What to call the policies: by their folders, by all of the path where two have one name."""
    names = [_absolute(folder).name for folder in folders]
    return names if len(set(names)) == len(names) else [str(folder) for folder in folders]


def _check_epoch(folder: Path, epoch: int) -> None:
    """Raise InputError, naming the epochs that there are, unless `folder` has masks of `epoch`."""
    epochs = sorted(int(path.name.removeprefix("epoch-")) for path in folder.glob("epoch-*"))
    if not epochs:
        raise InputError(f"{folder} holds no masks yet")
    if epoch not in epochs:
        raise InputError(
            f"{folder} has no masks of epoch {epoch}: it has epochs {epochs[0]} to {epochs[-1]}"
        )


def _read_batches(
    shards: Sequence[Path], masks: Mapping[str, Sequence[Path]]
) -> Iterator[tuple[Path, TokenBatch, dict[str, Decisions]]]:
    for number, shard in enumerate(shards):
        readers = {policy: read_decisions(files[number]) for policy, files in masks.items()}
        for batch in read_token_batches(shard):
            yield (
                shard,
                batch,
                {
                    policy: next_decisions(reader, batch, masks[policy][number], shard)
                    for policy, reader in readers.items()
                },
            )


def _columns(passage: Passage) -> Table:
    table = Table(title=_title(passage), title_justify="left", box=box.ROUNDED, expand=True)
    for masking in passage.maskings:
        table.add_column(Text(masking.policy, "bold"), Text(masking.summary, "dim"), ratio=1)
    table.show_footer = True
    table.add_row(*map(_marked, passage.maskings))
    return table


def _lines(passage: Passage) -> Table:
    table = Table(title=_title(passage), title_justify="left", box=box.ROUNDED, expand=True)
    table.show_header, table.show_lines = False, True
    table.add_column(ratio=1)
    table.add_column(ratio=3)
    for masking in passage.maskings:
        head = Text.assemble((masking.policy, "bold"), "\n", (masking.summary, "dim"))
        table.add_row(head, _marked(masking))
    return table


def _title(passage: Passage) -> Text:
    return Text(f"Row {passage.row}", "bold")


def _marked(masking: Masking) -> Text:
    return Text.assemble(
        *((str(piece), _STYLE if piece.masked else "") for piece in masking.pieces)
    )


def _printable(text: str) -> str:
    """A character for each; line breaks are spaces, what would command a terminal is unknown."""
    spaced = (" " if character.isspace() else character for character in text)
    return "".join(c if c.isprintable() else _UNKNOWN for c in spaced)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
