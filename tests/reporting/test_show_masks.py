"""Masks for eyes: every span is marked, the text stays the text, and nothing in it is a command."""

import shutil
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from maskpolicy.arrow_files import write_table
from maskpolicy.corpora.documents import DOCUMENT_SCHEMA
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.tokenizer import load_tokenizer, train_tokenizer
from maskpolicy.decisions.base import Decisions
from maskpolicy.decisions.files import packed, write_decisions
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.reporting.show_masks import (
    print_passages,
    read_passages,
    render_page,
    show_masks,
    token_texts,
)

TEXTS = [
    "the cat sat on the mat",
    "</p><script>alert('the mat')</script> [link=x] & so on",
    "東京 is the capital",
    "a bell \x07 and \x1b[31mred\x1b[0m\nlines",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("show_masks")


@pytest.fixture(scope="module")
def tokenizer(folder):
    documents = pa.table(
        {"document": range(len(TEXTS)), "title": [""] * len(TEXTS), "text": TEXTS},
        schema=DOCUMENT_SCHEMA,
    )
    write_table(folder / "documents.arrow", documents)
    spec = TrainedTokenizer(train_on=("own",), vocabulary_size=320)
    train_tokenizer([folder / "documents.arrow"], spec, folder / "bpe")
    return load_tokenizer(folder / "bpe")


@pytest.fixture(scope="module")
def rows(tokenizer):
    return [encoding.ids for encoding in tokenizer.encode_rows(TEXTS)]


@pytest.fixture(scope="module")
def shards(folder, rows):
    """Two shards of two rows each."""
    paths = []
    for number in range(2):
        batch = TokenBatch.from_lists(rows[2 * number : 2 * number + 2])
        paths.append(folder / f"shard-{number}.arrow")
        write_table(paths[-1], pa.Table.from_batches([batch.tokens]))
    return paths


@pytest.fixture(scope="module")
def mask(folder, rows):
    """Files of decisions, from the masked and inserted positions of each row."""

    def write(policy, masked, inserted=None):
        paths = []
        for number in range(2):
            flags = np.zeros((2, sum(map(len, rows[2 * number : 2 * number + 2]))), np.bool_)
            for row in (2 * number, 2 * number + 1):
                begin = (row % 2) * len(rows[row - 1])
                for flag, positions in zip(flags, (masked, inserted or {}), strict=True):
                    flag[[begin + position for position in positions.get(row, [])]] = True
            decisions = Decisions(flags[0], None if inserted is None else flags[1])
            paths.append(folder / policy / f"shard-{number}.arrow")
            with write_decisions(paths[-1], inserted is not None) as writer:
                writer.write_batch(packed(decisions))
        return paths

    return write


def shown(masking):
    return "".join(map(str, masking.pieces))


def printed(passages, width=120, colours=False):
    colour_system = "standard" if colours else None
    console = Console(file=StringIO(), width=width, color_system=colour_system, highlight=False)
    print_passages(passages, console)
    return console.file.getvalue()


class Page(HTMLParser):
    """The paragraphs of the page as a reader sees them, marked text apart, and every tag."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts, self.marked = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag == "p":
            self.texts.append("")
        if tag == "mark":
            self.marked.append("")
        self.inside = getattr(self, "inside", set()) | {tag}

    def handle_endtag(self, tag):
        self.inside = self.inside - {tag}

    def handle_data(self, data):
        if "p" in getattr(self, "inside", ()):
            self.texts[-1] += data
            if "mark" in self.inside:
                self.marked[-1] += data


def test_token_texts_join_to_the_text(tokenizer, rows):
    for text, ids in zip(TEXTS, rows, strict=True):
        texts = token_texts(tokenizer, ids)
        assert len(texts) == len(ids)
        expected = text.replace("\n", " ").replace("\x07", "\ufffd").replace("\x1b", "\ufffd")
        assert "".join(texts) == expected


def test_spans_and_insertions_are_marked(tokenizer, shards, rows, mask):
    texts = token_texts(tokenizer, rows[0])
    cat, sat = texts.index(" cat"), len(rows[0]) - 1
    assert "".join(texts[sat:]) == " mat"
    masks = {
        "spans": mask("spans", {0: [0, cat, sat]}),
        "split": mask("split", {0: [0, cat]}, {0: [cat, sat]}),
    }
    (passage,) = read_passages(shards, tokenizer, masks, [0])
    spans, split = passage.maskings
    assert shown(spans) == "[the cat] sat on the [mat]"
    assert spans.summary == f"3 of {len(texts)} tokens, 2 spans"
    assert shown(split) == "[the] [cat] sat on the [] mat"
    assert split.summary == f"2 of {len(texts)} tokens, 2 spans, 1 insertion"


def test_without_the_marks_every_policy_shows_the_same_text(tokenizer, shards, rows, mask):
    every = {row: range(0, len(ids), 2) for row, ids in enumerate(rows)}
    masks = {"none": mask("none", {}), "half": mask("half", every)}
    passages = read_passages(shards, tokenizer, masks, range(4))
    assert [passage.row for passage in passages] == [0, 1, 2, 3]
    for passage in passages:
        none, half = ("".join(piece.text for piece in m.pieces) for m in passage.maskings)
        assert none == half
        assert passage.maskings[0].summary == "nothing masked, so no training example"


@pytest.mark.parametrize("width", [120, 40])
def test_the_terminal_shows_brackets_and_colour(tokenizer, shards, mask, width):
    masks = {name: mask(name, {0: [0]}) for name in ("first", "second")}
    passages = read_passages(shards, tokenizer, masks, [0])
    plain = printed(passages, width)
    assert plain.count("[the]") == 2
    assert "first" in plain
    assert "second" in plain
    assert "\x1b[" not in plain
    assert "\x1b[1;30;103m[the]" in printed(passages, width, colours=True)


def test_text_is_never_a_command_to_the_terminal(tokenizer, shards, mask):
    passages = read_passages(shards, tokenizer, {"none": mask("none", {})}, [1, 3])
    text = printed(passages, width=150)
    assert "[link=x]" in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_the_page_shows_the_text_and_runs_none_of_it(tokenizer, shards, rows, mask):
    masks = {"<b>": mask("all", {1: range(len(rows[1]))}), "none": mask("none", {})}
    page = Page(render_page(read_passages(shards, tokenizer, masks, [1, 2])))
    assert "script" not in page.tags
    assert page.texts[1] == f"[{TEXTS[1]}]"
    assert page.texts[2:] == [TEXTS[1], TEXTS[2], TEXTS[2]]
    assert page.marked[-1] == f"[{TEXTS[1]}]"
    assert not page.tags & {"link", "img", "iframe"}


@pytest.fixture
def results(tmp_path, folder, tokenizer, shards, mask):
    """The folders of a study, with the masks of the policy `first` of two epochs."""
    corpus, masks = tmp_path / "corpora" / "own" / "bpe", tmp_path / "masks" / "own" / "bpe"
    shutil.copytree(folder / "bpe", tmp_path / "tokenizers" / "bpe")
    corpus.mkdir(parents=True)
    for shard in shards:
        shutil.copy(shard, corpus)
        (corpus / shard.name).with_suffix(".json").write_text("{}")
    for epoch, masked in enumerate(({3: [0]}, {0: [0]})):
        (masks / "first" / f"epoch-{epoch}").mkdir(parents=True)
        for path in mask(f"first-{epoch}", masked):
            shutil.copy(path, masks / "first" / f"epoch-{epoch}")
    return tmp_path


def test_show_masks_prints_and_writes_the_page(results, capsys):
    first = results / "masks" / "own" / "bpe" / "first"
    show_masks([first], [3], page=results / "page.html")
    assert "[a] bell" in capsys.readouterr().out
    assert "<mark>" in (results / "page.html").read_text()
    show_masks([first], [0, 3], epoch=1)
    shown = capsys.readouterr().out
    assert "[the] cat" in shown
    assert "[a] bell" not in shown


def test_a_folder_that_holds_no_masks_is_named(results):
    with pytest.raises(InputError, match=r"own/first is not a folder results/masks/CORPUS/TOKEN"):
        show_masks([results / "masks" / "own" / "first"], [0])


def test_a_row_that_is_not_there_is_named(tokenizer, shards, mask):
    masks = {"none": mask("none", {})}
    for row in (4, -1):
        with pytest.raises(InputError, match=f"no row {row}: the corpus has rows 0 to 3"):
            read_passages(shards, tokenizer, masks, [0, row])


def test_decisions_of_another_corpus_are_named(tokenizer, shards, mask):
    masks = {"swapped": mask("swapped", {})[::-1]}
    with pytest.raises(ArtefactError, match=r"shard-1\.arrow does not belong to .*shard-0"):
        read_passages(shards, tokenizer, masks, [0])
