from pathlib import Path

import pytest
import tokenizers
from transformers import PreTrainedTokenizerFast

from maskpolicy.artefacts import read_json
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.tokenizer import (
    BART_SPECIAL_TOKENS,
    import_tokenizer,
    load_tokenizer,
    train_tokenizer,
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
    for name in ("tokenizer.json", "special_tokens.json"):
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
    assert read_json(tmp_path / "imported" / "special_tokens.json")["bos"] == "[CLS]"
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
