"""Masks for eyes: every span is marked, the text stays the text, and nothing in it is a command."""

import shutil
from html.parser import HTMLParser
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from maskpolicy.arrow_files import read_table
from maskpolicy.corpora.documents import write_documents
from maskpolicy.corpora.sharding import shard_corpus
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.tokenizer import load_tokenizer, train_tokenizer
from maskpolicy.decisions.base import Decisions
from maskpolicy.decisions.files import packed, write_decisions
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.reporting.show_masks import (
    Corpus,
    PlacedTokens,
    find_corpus,
    print_passages,
    read_passages,
    render_page,
    show_masks,
)
from maskpolicy.sources.base import Document

TEXTS = [
    "the cat sat on the mat",
    "</p><script>alert('the mat')</script> [link=x] & so on",
    "東京 is the capital",
    "a bell \x07 and \x1b[31mred\x1b[0m\nlines",
    "the 🙂🙃 smiles\n\n\tat  me",
]


def write_corpus(folder, texts, tokenizer):
    """The files of a corpus in two shards, as they lie under `results/`."""
    own = folder / "corpora" / "own"
    write_documents([Document("", text) for text in texts], own / "documents")
    if tokenizer is None:
        spec = TrainedTokenizer(train_on=("own",), vocabulary_size=320)
        train_tokenizer([own / "documents"], spec, folder / "tokenizers" / "bpe")
    else:
        shutil.copytree(tokenizer, folder / "tokenizers" / "bpe")
    shards = tuple(own / "bpe" / f"shard-{number}.arrow" for number in range(2))
    for number, shard in enumerate(shards):
        shard_corpus(
            own / "documents",
            folder / "tokenizers" / "bpe",
            shard,
            sequence_length=100,
            shard=number,
            shards=2,
        )
    return Corpus(shards, own / "documents", folder / "tokenizers" / "bpe")


def rows_of(corpus):
    return [read_table(shard)["input_ids"].to_pylist() for shard in corpus.shards]


def write_masks(corpus, folder, masked, inserted=None):
    """Files of decisions, from the masked and inserted positions of each row."""
    paths, row = [], 0
    for shard, rows in zip(corpus.shards, rows_of(corpus), strict=True):
        flags = np.zeros((2, sum(map(len, rows))), np.bool_)
        begin = 0
        for ids in rows:
            for flag, positions in zip(flags, (masked, inserted or {}), strict=True):
                flag[[begin + position for position in positions.get(row, [])]] = True
            begin += len(ids)
            row += 1
        paths.append(folder / shard.name)
        with write_decisions(paths[-1], inserted is not None) as writer:
            decisions = Decisions(flags[0], None if inserted is None else flags[1])
            writer.write_batch(packed(decisions))
    return paths


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("show_masks")


@pytest.fixture(scope="module")
def corpus(folder):
    return write_corpus(folder, TEXTS, None)


@pytest.fixture(scope="module")
def rows(corpus):
    """The ids of every row, of both shards."""
    first, second = rows_of(corpus)
    assert len(first) and len(second) and len(first) + len(second) == len(TEXTS)
    return first + second


@pytest.fixture(scope="module")
def tokens(corpus, rows):
    """Where the tokens of a row begin with this text."""
    backend = load_tokenizer(corpus.tokenizer).backend

    def tokens(row, text):
        (encoding,) = backend.encode_batch([TEXTS[row]], add_special_tokens=False)
        assert encoding.ids == rows[row]
        begin = TEXTS[row].index(text)
        return [
            i
            for i, (first, last) in enumerate(encoding.offsets)
            if first < begin + len(text) and last > begin
        ]

    return tokens


@pytest.fixture(scope="module")
def mask(folder, corpus):
    def write(policy, masked, inserted=None):
        return write_masks(corpus, folder / policy, masked, inserted)

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


def test_spans_and_insertions_are_marked(corpus, rows, tokens, mask):
    the, cat, mat = (tokens(0, text)[0] for text in ("the", "cat", "mat"))
    spans = [*tokens(0, "the cat"), *tokens(0, "mat")]
    masks = {
        "spans": mask("spans", {0: spans}),
        "split": mask("split", {0: tokens(0, "the cat")}, {0: [cat, mat]}),
    }
    assert (the, mat) == (0, len(rows[0]) - len(tokens(0, "mat")))
    (passage,) = read_passages(corpus, masks, [0])
    whole, split = passage.maskings
    assert shown(whole) == "[the cat] sat on the [mat]"
    assert whole.summary == f"{len(spans)} of {len(rows[0])} tokens, 2 spans"
    assert shown(split) == "[the] [cat] sat on the [] mat"
    assert split.summary.endswith(" tokens, 2 spans, 1 insertion")


def test_a_masked_part_of_a_character_masks_the_character(corpus, tokens, mask):
    first, last = tokens(4, "🙃")  # the first ends 🙂 and begins 🙃
    expected = {first: "the [🙂🙃] smiles   at  me", last: "the 🙂[🙃] smiles   at  me"}
    masks = {str(part): mask(f"part-{part}", {4: [part]}) for part in expected}
    (passage,) = read_passages(corpus, masks, [4])
    assert [shown(masking) for masking in passage.maskings] == list(expected.values())
    assert all(masking.summary.startswith("1 of ") for masking in passage.maskings)


def test_an_unknown_character_is_shown_as_it_is_written(tmp_path, wordpiece_folder):
    corpus = write_corpus(tmp_path, ["the film is 🙂 and Funny", "the cast"], wordpiece_folder)
    assert len(rows_of(corpus)[0][0]) == 6
    masks = {"own": write_masks(corpus, tmp_path / "own", {0: [3, 5]})}
    (passage,) = read_passages(corpus, masks, [0])
    assert shown(passage.maskings[0]) == "the film is [🙂] and [Funny]"


def test_masked_white_space_is_seen(corpus, tokens, mask):
    white = [i for i in tokens(4, "\n\n\tat") if i not in tokens(4, "at")]
    assert white
    (passage,) = read_passages(corpus, {"white": mask("white", {4: white})}, [4])
    (masking,) = passage.maskings
    assert shown(masking).startswith("the 🙂🙃 smiles[↵↵")
    assert masking.summary == f"{len(white)} of {masking.tokens} tokens, 1 span"


def test_a_masked_token_without_text_is_seen():
    start, end = np.array([0, 3, 3]), np.array([3, 3, 6])
    placed = PlacedTokens("onetwo", start, end)
    nothing = np.zeros(3, np.bool_)
    pieces = placed.pieces(np.array([False, True, False]), nothing)
    assert "".join(map(str, pieces)) == "one[␣]two"


def test_without_the_marks_every_policy_shows_the_same_text(corpus, rows, mask):
    every = {row: range(0, len(ids), 2) for row, ids in enumerate(rows)}
    masks = {"none": mask("none", {}), "half": mask("half", every)}
    passages = read_passages(corpus, masks, range(5))
    assert [passage.row for passage in passages] == [0, 1, 2, 3, 4]
    for passage in passages:
        none, half = ("".join(piece.text for piece in m.pieces) for m in passage.maskings)
        assert half.translate(str.maketrans("␣↵⇥", "   ")) == none
        text = TEXTS[passage.row].translate(str.maketrans("\n\t\x07\x1b", "  \ufffd\ufffd"))
        assert none == text
        assert passage.maskings[0].summary == "nothing masked, so no training example"


@pytest.mark.parametrize("width", [120, 40])
def test_the_terminal_shows_brackets_and_colour(corpus, tokens, mask, width):
    masks = {name: mask(name, {0: tokens(0, "the")[:1]}) for name in ("first", "second")}
    passages = read_passages(corpus, masks, [0])
    plain = printed(passages, width)
    assert plain.count("[the]") == 2
    assert "first" in plain
    assert "second" in plain
    assert "\x1b[" not in plain
    assert "\x1b[1;30;103m[the]" in printed(passages, width, colours=True)


def test_text_is_never_a_command_to_the_terminal(corpus, mask):
    passages = read_passages(corpus, {"none": mask("none", {})}, [1, 3])
    text = printed(passages, width=150)
    assert "[link=x]" in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_the_page_shows_the_text_and_runs_none_of_it(corpus, rows, mask):
    masks = {"<b>": mask("all", {1: range(len(rows[1]))}), "none": mask("none", {})}
    page = Page(render_page(read_passages(corpus, masks, [1, 2])))
    assert "script" not in page.tags
    assert page.texts[1] == f"[{TEXTS[1]}]"
    assert page.texts[2:] == [TEXTS[1], TEXTS[2], TEXTS[2]]
    assert page.marked[-1] == f"[{TEXTS[1]}]"
    assert not page.tags & {"link", "img", "iframe"}


@pytest.fixture
def results(tmp_path, folder, corpus, tokens, mask):
    """The folders of a study, with the masks of the policy `first` of two epochs."""
    for name in ("corpora", "tokenizers"):
        shutil.copytree(folder / name, tmp_path / "results" / name)
    first = tmp_path / "results" / "masks" / "own" / "bpe" / "first"
    for epoch, masked in enumerate(({3: tokens(3, "bell")}, {0: tokens(0, "cat")})):
        shutil.copytree(mask(f"first-{epoch}", masked)[0].parent, first / f"epoch-{epoch}")
    (tmp_path / "results" / "masks" / "own" / "bpe" / "second").mkdir()
    return tmp_path / "results"


def test_show_masks_prints_and_writes_the_page(results, capsys):
    first = results / "masks" / "own" / "bpe" / "first"
    show_masks([first], [3], page=results / "page.html")
    assert "a [bell]" in capsys.readouterr().out
    assert "<mark>" in (results / "page.html").read_text()
    show_masks([first], epoch=1)
    out = capsys.readouterr().out
    assert "the [cat]" in out
    assert "Row 2" in out and "Row 3" not in out


@pytest.mark.parametrize(
    ("working_folder", "path"),
    [
        ("", "results/masks/own/bpe/first"),
        ("results", "masks/own/bpe/first"),
        ("results/masks/own/bpe", "first"),
        ("results/masks/own/bpe/first", "."),
        ("results/masks/own/bpe/second", "../first/"),
        ("elsewhere", "link"),
        ("elsewhere", "results/masks/own/bpe/first"),
        ("elsewhere", "../results/masks/own/bpe/moved"),
    ],
)
def test_masks_are_found_from_any_folder_and_through_links(
    results, monkeypatch, capsys, working_folder, path
):
    first = results / "masks" / "own" / "bpe" / "first"
    elsewhere = results.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "link").symlink_to(first)
    (elsewhere / "results").symlink_to(results)
    shutil.copytree(first, elsewhere / "scratch")
    (first.parent / "moved").symlink_to(elsewhere / "scratch")
    monkeypatch.chdir(results.parent / working_folder)
    show_masks([type(first)(path)], [3])
    assert "a [bell]" in capsys.readouterr().out


def test_policies_of_one_name_are_told_apart(results, monkeypatch, capsys):
    shutil.copytree(results, results.parent / "again")
    monkeypatch.chdir(results.parent)
    folder = results.relative_to(results.parent) / "masks" / "own" / "bpe" / "first"
    with pytest.raises(InputError, match=r"again/.*first holds masks of another corpus"):
        show_masks([folder, results.parent / "again" / "masks" / "own" / "bpe" / "first"], [3])
    (results.parent / "first").symlink_to(results.parent / folder)
    show_masks([folder, results.parent / "first"], [3])
    assert "results/masks/own/bpe/first" in capsys.readouterr().out.replace("\n", "")


def test_a_folder_that_is_not_there_is_an_error_that_lists_what_is(results):
    bpe = results / "masks" / "own" / "bpe"
    for absent, listed in (
        (bpe / "frist", f"{bpe} has first, second"),
        (bpe.parent / "bpe-4k" / "first", f"{bpe.parent} has bpe"),
        (bpe, f"{bpe} has first, second"),
        (results.parent, f"{results.parent} has results"),
    ):
        with pytest.raises(InputError) as refused:
            show_masks([absent], [0])
        expected = f"{absent} is not a folder masks/CORPUS/TOKENIZER/POLICY: {listed}"
        assert str(refused.value) == expected


def test_an_epoch_that_is_not_there_is_named(results):
    bpe = results / "masks" / "own" / "bpe"
    with pytest.raises(InputError, match=r"first has no masks of epoch 7: it has epochs 0 to 1$"):
        show_masks([bpe / "first"], [0], epoch=7)
    with pytest.raises(InputError, match=r"second holds no masks yet"):
        show_masks([bpe / "second"], [0])


def test_a_corpus_is_found_by_what_its_shards_declare(results):
    found = find_corpus(results / "masks" / "own" / "bpe" / "first")
    assert [shard.name for shard in found.shards] == ["shard-0.arrow", "shard-1.arrow"]
    assert found.documents.exists() and found.tokenizer.is_dir()


def test_a_row_that_is_not_there_is_named(corpus, mask):
    masks = {"none": mask("none", {})}
    for row in (5, -1):
        with pytest.raises(InputError, match=f"no row {row}: the corpus has rows 0 to 4"):
            read_passages(corpus, masks, [0, row])


def test_decisions_of_another_corpus_are_named(corpus, mask):
    masks = {"swapped": mask("swapped", {})[::-1]}
    with pytest.raises(ArtefactError, match=r"shard-1\.arrow does not belong to .*shard-0"):
        read_passages(corpus, masks, [0])
