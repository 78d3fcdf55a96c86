from pathlib import Path

import pytest
import tokenizers
from transformers import AutoTokenizer, BartConfig, PreTrainedTokenizerFast

from maskpolicy.artefacts import read_json
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.tokenizer import (
    BART_SPECIAL_TOKENS,
    ORDINARY_TEXTS,
    ROLES,
    import_tokenizer,
    load_tokenizer,
    train_tokenizer,
    write_tokenizer,
)
from maskpolicy.errors import ArtefactError

BERT_WORDS = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "the",
    "capital",
    "##s",
    "<",
    ">",
    "mask",
    *("of", "a", "city", "."),
)


def bert_like(folder: Path, **special_tokens: str) -> Path:
    """A WordPiece tokenizer as BERT has it, written as transformers writes it."""
    vocabulary = {word: i for i, word in enumerate(BERT_WORDS)}
    backend = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = tokenizers.normalizers.BertNormalizer()
    backend.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    backend.decoder = tokenizers.decoders.WordPiece()
    PreTrainedTokenizerFast(tokenizer_object=backend, **special_tokens).save_pretrained(folder)
    return folder


BERT_SPECIAL_TOKENS = {
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "mask_token": "[MASK]",
}


def test_special_tokens_have_the_ids_of_bart(tokenizer):
    ids = (tokenizer.bos, tokenizer.pad, tokenizer.eos, tokenizer.unk, tokenizer.mask)
    assert ids == (0, 1, 2, 3, 4)
    assert [tokenizer.backend.id_to_token(i) for i in ids] == list(BART_SPECIAL_TOKENS)
    assert tokenizer.vocabulary_size == 400


def test_any_text_comes_back(tokenizer):
    for text in ("In 1963, Kenya.", "日本 naïve 🙂", "tabs\tand\nlines"):
        assert tokenizer.decode(tokenizer.encode([text], 100)[0]) == text


def test_text_that_spells_a_special_token_is_text(tokenizer):
    text = "what is <mask> and </s> and <pad>?"
    [ids] = tokenizer.encode([text], 100)
    assert (ids[0], ids[-1]) == (tokenizer.bos, tokenizer.eos)
    assert not set(ids[1:-1]) & set(range(5))
    assert tokenizer.decode(ids) == text


def test_encoding_is_cut_to_the_maximum_with_both_ends(tokenizer):
    [ids] = tokenizer.encode(["a very long text that does not fit"], 6)
    assert len(ids) == 6
    assert (ids[0], ids[-1]) == (tokenizer.bos, tokenizer.eos)


def test_training_is_deterministic(tmp_path, documents, tokenizer_folder):
    spec = TrainedTokenizer(train_on=("own",), vocabulary_size=400)
    train_tokenizer([documents], spec, tmp_path / "again")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tokenizer_folder / name).read_bytes()


def test_lowercase_is_part_of_the_tokenizer(tmp_path, documents):
    spec = TrainedTokenizer(train_on=("own",), vocabulary_size=400, lowercase=True)
    train_tokenizer([documents], spec, tmp_path / "lower")
    tokenizer = load_tokenizer(tmp_path / "lower")
    assert tokenizer.encode(["Jomo KENYATTA"], 50) == tokenizer.encode(["jomo kenyatta"], 50)


def test_the_tokenizer_of_a_local_model_is_imported(tmp_path):
    source = bert_like(tmp_path / "model", **BERT_SPECIAL_TOKENS)
    import_tokenizer(str(source), tmp_path / "imported")
    tokenizer = load_tokenizer(tmp_path / "imported")
    assert (tokenizer.bos, tokenizer.eos, tokenizer.pad, tokenizer.unk, tokenizer.mask) == (
        *(2, 3, 0, 1, 4),
    )
    assert read_json(tmp_path / "imported" / "tokenizer_config.json")["bos_token"] == "[CLS]"
    assert tokenizer.encode(["The capitals [MASK]"], 20)[0][:4] == [2, 5, 6, 7]
    assert tokenizer.mask not in tokenizer.encode(["The [MASK]"], 20)[0]


def test_a_tokenizer_without_a_mask_is_refused(tmp_path):
    special_tokens = {k: v for k, v in BERT_SPECIAL_TOKENS.items() if k != "mask_token"}
    source = bert_like(tmp_path / "model", **special_tokens)
    with pytest.raises(ArtefactError, match="model has no mask token"):
        import_tokenizer(str(source), tmp_path / "imported")


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=f"cannot load the tokenizer {tmp_path}"):
        import_tokenizer(str(tmp_path), tmp_path / "imported")
    with pytest.raises(ArtefactError, match=r"tokenizer\.json is missing"):
        load_tokenizer(tmp_path)


def test_a_damaged_tokenizer_is_named(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(ArtefactError, match=r"tokenizer\.json is damaged"):
        load_tokenizer(tmp_path)


TEXTS = ("The capital of Kenya is Nairobi.", "In 1963, naïve 🙂", "a\tb\n c", "")


def saved(folder: Path, backend: tokenizers.Tokenizer, **special_tokens: str) -> str:
    PreTrainedTokenizerFast(tokenizer_object=backend, **special_tokens).save_pretrained(folder)
    return str(folder)


def roberta_like(folder: Path, backend: tokenizers.Tokenizer) -> str:
    """Encloses texts in special tokens, and two with two of them in between."""
    backend.post_processor = tokenizers.processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return saved(folder, backend, **dict(zip(HUB_ROLES, BART_SPECIAL_TOKENS, strict=True)))


def gpt_like(folder: Path, backend: tokenizers.Tokenizer) -> str:
    """Encloses nothing, but trims offsets."""
    backend.post_processor = tokenizers.processors.ByteLevel(trim_offsets=True)
    return saved(folder, backend, **dict(zip(HUB_ROLES, BART_SPECIAL_TOKENS, strict=True)))


def mbart_like(folder: Path, backend: tokenizers.Tokenizer) -> str:
    """Ends texts with the token of a language."""
    backend.add_special_tokens(["en_XX"])
    language = backend.token_to_id("en_XX")
    backend.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A </s> en_XX", special_tokens=[("</s>", 2), ("en_XX", language)]
    )
    return saved(folder, backend, **dict(zip(HUB_ROLES, BART_SPECIAL_TOKENS, strict=True)))


def t5_like(folder: Path, backend: tokenizers.Tokenizer) -> str:
    """Has no BOS, and sentinels in the place of a mask."""
    backend.add_special_tokens(["<extra_id_0>", "<extra_id_1>"])
    backend.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)]
    )
    return saved(folder, backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


HUB_ROLES = ("bos_token", "pad_token", "eos_token", "unk_token", "mask_token")


def as_ours(folder: Path) -> PreTrainedTokenizerFast:
    """What AutoTokenizer makes of a folder, after comparing it with our own tokenizer."""
    ours, theirs = load_tokenizer(folder), AutoTokenizer.from_pretrained(folder)
    assert theirs(list(TEXTS))["input_ids"] == ours.encode(TEXTS, 1000)
    assert len(theirs) == ours.vocabulary_size
    roles = {role: getattr(theirs, f"{role}_token_id") for role in ROLES}
    assert roles == {role: getattr(ours, role) for role in ROLES}
    return theirs


@pytest.mark.parametrize("source", [None, roberta_like, gpt_like, mbart_like, t5_like])
def test_transformers_reads_every_tokenizer_as_we_do(tmp_path, tokenizer_folder, source):
    folder = tokenizer_folder
    if source is not None:
        backend = load_tokenizer(tokenizer_folder).backend
        backend.encode_special_tokens = False
        import_tokenizer(source(tmp_path / "source", backend), tmp_path / "imported")
        folder = tmp_path / "imported"
        [ours] = load_tokenizer(folder).encode_rows([TEXTS[0]])
        [theirs] = [backend.encode(TEXTS[0], add_special_tokens=False)]
        assert (ours.ids, ours.offsets) == (theirs.ids, theirs.offsets)
    as_ours(folder)


def test_beside_a_model_a_tokenizer_joins_two_texts_as_the_model_wants_them(tmp_path, tokenizer):
    [one], [other] = (tokenizer.encode_rows([text]) for text in ("a text", "b"))
    for name, separators in (("bert", 1), ("roberta", 2)):
        folder = tmp_path / name
        folder.mkdir()
        write_tokenizer(tokenizer, folder, separators=separators, segments=separators == 1)
        joined = as_ours(folder)("a text", "b")
        first = [tokenizer.bos, *one.ids, *[tokenizer.eos] * separators]
        second = [*other.ids, tokenizer.eos]
        assert joined["input_ids"] == first + second
        if separators == 1:
            assert joined["token_type_ids"] == [0] * len(first) + [1] * len(second)
        else:
            assert "token_type_ids" not in joined


def test_a_wordpiece_tokenizer_goes_on_as_it_is(tmp_path):
    import_tokenizer(
        str(bert_like(tmp_path / "model", **BERT_SPECIAL_TOKENS)), tmp_path / "imported"
    )
    theirs = as_ours(tmp_path / "imported")
    assert theirs("the capital [MASK]")["input_ids"] == [2, 5, 6, 4, 3]


@pytest.mark.parametrize("words", [(), ("zyx", "##q")])
def test_a_tokenizer_that_knows_no_text_is_refused(tmp_path, words):
    vocabulary = {word: i for i, word in enumerate([*BERT_SPECIAL_TOKENS.values(), *words])}
    backend = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    source = saved(tmp_path / "model", backend, **BERT_SPECIAL_TOKENS)
    with pytest.raises(ArtefactError, match="model knows no text"):
        import_tokenizer(source, tmp_path / "imported")
    assert not (tmp_path / "imported").exists()


def test_a_tokenizer_that_knows_a_letter_only_is_refused(tmp_path):
    """Whose unknown pieces are one each, or one for all that stand side by side."""
    vocabulary = {word: i for i, word in enumerate([*BERT_SPECIAL_TOKENS.values(), "e"])}
    for fused in (False, True):
        model = tokenizers.models.BPE(vocabulary, [], unk_token="[UNK]", fuse_unk=fused)
        folder = tmp_path / f"fused-{fused}"
        source = saved(folder, tokenizers.Tokenizer(model), **BERT_SPECIAL_TOKENS)
        with pytest.raises(ArtefactError, match=f"fused-{fused} knows no text"):
            import_tokenizer(source, tmp_path / "imported")


@pytest.mark.parametrize("text", ORDINARY_TEXTS)
def test_a_tokenizer_of_one_language_knows_text(tmp_path, text):
    pieces = {*BERT_SPECIAL_TOKENS.values(), *text}
    vocabulary = {piece: i for i, piece in enumerate(sorted(pieces))}
    model = tokenizers.models.BPE(vocabulary, [], unk_token="[UNK]")
    source = saved(tmp_path / "model", tokenizers.Tokenizer(model), **BERT_SPECIAL_TOKENS)
    import_tokenizer(source, tmp_path / "imported")


def test_a_model_without_its_tokenizer_is_refused(tmp_path):
    """Of its config.json alone transformers makes a tokenizer of five special tokens."""
    BartConfig(d_model=16).save_pretrained(tmp_path / "bart")
    with pytest.raises(ArtefactError, match=r"bart: .* has no tokenizer"):
        import_tokenizer(str(tmp_path / "bart"), tmp_path / "imported")


def test_a_mask_in_a_text_takes_the_space_before_it_as_in_training(tmp_path, tokenizer_folder):
    """Training replaces tokens, and those of words hold the space before them."""
    ours, theirs = load_tokenizer(tokenizer_folder), AutoTokenizer.from_pretrained(tokenizer_folder)
    [before], [after] = (ours.encode_rows([text]) for text in ("in", "and"))
    enclosed = ours.enclose([*before.ids, ours.mask, *after.ids])
    assert theirs("in <mask> and")["input_ids"] == enclosed
    write_tokenizer(ours, tmp_path, separators=2)
    assert as_ours(tmp_path)("in <mask> and")["input_ids"] == enclosed
    [spelt] = ours.encode_rows(["in <mask> and"])
    assert ours.mask not in spelt.ids and ours.decode(spelt.ids) == "in <mask> and"
    assert [spelt.offsets[0], spelt.offsets[-1]] == [before.offsets[0], (9, 13)]
