"""What policies mask, side by side on the same passages: in the terminal and as a page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from maskpolicy.artefacts import write_text
from maskpolicy.corpora.shards import TokenBatch, read_token_batches
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.decisions.base import Decisions
from maskpolicy.decisions.files import decision_file, next_decisions, read_decisions
from maskpolicy.errors import InputError
from maskpolicy.reporting.pages import environment

NARROWEST_COLUMN = 30
"""Characters; where a column a policy would be narrower, policies stand below each other."""

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"  # what a decoder makes of a part of a character
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


def show_masks(
    folders: Sequence[Path], rows: Sequence[int], epoch: int = 0, page: Path | None = None
) -> None:
    """Print passages with the spans that each policy masks; write them as an HTML page too.

    `folders` are results/masks/CORPUS/TOKENIZER/POLICY of one corpus and tokenizer; `rows` counts
    the rows of the corpus from 0. Raises ArtefactError, naming a damaged file, and InputError,
    naming a folder without masks or a row that is not there.
    """
    shards, tokenizer = find_inputs(folders[0])
    masks = {
        folder.name: [decision_file(folder, epoch, shard) for shard in shards] for folder in folders
    }
    passages = read_passages(shards, load_tokenizer(tokenizer), masks, rows)
    print_passages(passages, Console(highlight=False))
    if page is not None:
        write_text(page, render_page(passages))


def find_inputs(masks: Path) -> tuple[list[Path], Path]:
    """The token shards, in order, and the folder of the tokenizer of a folder of masks.

    They follow from where it lies. Raises InputError, naming the folder, when they are not there.
    """
    *above, corpus, tokenizer, _ = masks.resolve().parts
    results = Path(*above).parent
    folder = results / "corpora" / corpus / tokenizer
    numbers = sorted(
        int(manifest.stem.removeprefix("shard-")) for manifest in folder.glob("shard-*.json")
    )
    if not numbers:
        raise InputError(f"{masks} is not a folder results/masks/CORPUS/TOKENIZER/POLICY")
    shards = [folder / f"shard-{number}.arrow" for number in numbers]
    return shards, results / "tokenizers" / tokenizer


def read_passages(
    shards: Sequence[Path],
    tokenizer: Tokenizer,
    masks: Mapping[str, Sequence[Path]],
    rows: Sequence[int],
) -> list[Passage]:
    """The passages of `rows`, in the order of the corpus; reads no further than the last."""
    wanted = sorted(set(rows))
    passages = []
    begin = end = 0
    for batch, decisions in _read_batches(shards, masks):
        begin, end = end, end + len(batch)
        for row in wanted:
            if begin <= row < end:
                passages.append(_passage(row, row - begin, batch, decisions, tokenizer))
        if len(passages) == len(wanted):
            return passages
    missing = set(wanted) - {passage.row for passage in passages}
    raise InputError(f"there is no row {min(missing)}: the corpus has rows 0 to {end - 1}")


def print_passages(passages: Sequence[Passage], console: Console) -> None:
    """Print passages: a column a policy where they fit, else a line a policy; spans in [ ]."""
    for passage in passages:
        beside = console.width // max(1, len(passage.maskings)) >= NARROWEST_COLUMN
        console.print(_columns(passage) if beside else _lines(passage))


def render_page(passages: Sequence[Passage]) -> str:
    """The passages as an HTML page that needs no other file."""
    return environment(autoescape=True).get_template("masks.html").render(passages=passages)


def token_texts(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    """The text that each token adds to those before it.

    A character made of several tokens belongs to the last of them. Line breaks become spaces, and
    what would command a terminal is shown as unknown.
    """
    texts, so_far = [], ""
    for count in range(1, len(ids) + 1):
        decoded = tokenizer.decode(ids[:count])
        unfinished = decoded.endswith(_UNFINISHED) and count < len(ids)
        texts.append("" if unfinished else _printable(decoded[len(so_far) :]))
        so_far = so_far if unfinished else decoded
    return texts


def _read_batches(
    shards: Sequence[Path], masks: Mapping[str, Sequence[Path]]
) -> Iterator[tuple[TokenBatch, dict[str, Decisions]]]:
    for number, shard in enumerate(shards):
        readers = {policy: read_decisions(files[number]) for policy, files in masks.items()}
        for batch in read_token_batches(shard):
            yield (
                batch,
                {
                    policy: next_decisions(reader, batch, masks[policy][number], shard)
                    for policy, reader in readers.items()
                },
            )


def _passage(
    row: int, index: int, batch: TokenBatch, decisions: dict[str, Decisions], tokenizer: Tokenizer
) -> Passage:
    tokens = slice(*batch.offsets[index : index + 2])
    texts = token_texts(tokenizer, batch.input_ids[tokens].tolist())
    maskings = []
    for policy, made in decisions.items():
        mask = made.mask[tokens]
        insertions = np.zeros_like(mask) if made.insertions is None else made.insertions[tokens]
        pieces = tuple(_pieces(texts, mask.tolist(), insertions.tolist()))
        maskings.append(Masking(policy, pieces, len(texts), int(mask.sum())))
    return Passage(row, tuple(maskings))


def _pieces(
    texts: Sequence[str], mask: Sequence[bool], insertions: Sequence[bool]
) -> Iterator[Piece]:
    """Cut a row into its masked spans and what is between them, spaces outside of spans."""
    text, inside = "", False
    for token, masked, inserted in zip(texts, mask, insertions, strict=True):
        if masked != inside or inserted:
            if text:
                yield Piece(text, inside)
            text = ""
            space = token[: len(token) - len(token.lstrip())]
            if space and (masked or inserted):
                yield Piece(space, False)
                token = token[len(space) :]
            if inserted and not (masked and inside):
                yield Piece("", True)
                if space:
                    yield Piece(" ", False)
        text += token
        inside = masked
    if text:
        yield Piece(text, inside)


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
    spaced = (" " if character.isspace() else character for character in text)
    return "".join(c if c.isprintable() else _UNFINISHED for c in spaced)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
