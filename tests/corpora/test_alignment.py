import re
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from maskpolicy.corpora.alignment import align
from maskpolicy.corpora.tokenizer import Tokenizer

TEXTS = ["the capital of Kenya is Nairobi, isn't it?", "naïve 日本 5,199 m (3.5 %) unbelievable"]


@cache
def tokenizer_of(family: str) -> Tokenizer:
    """A small tokenizer of each family, trained on TEXTS."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    size = {"vocab_size": 330, "special_tokens": special, "show_progress": False}
    if family == "byte-level BPE":
        backend = tokenizers.Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(initial_alphabet=sorted(alphabet), **size)
    elif family == "WordPiece":
        backend = tokenizers.Tokenizer(models.WordPiece(unk_token="<unk>"))
        backend.normalizer = normalizers.BertNormalizer()
        backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        backend.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(**{**size, "vocab_size": 60})
    else:
        backend = tokenizers.Tokenizer(models.Unigram())
        backend.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(unk_token="<unk>", **{**size, "vocab_size": 70})
    backend.train_from_iterator(TEXTS, trainer)
    backend.encode_special_tokens = True
    return Tokenizer(backend, *(backend.token_to_id(token) for token in special))


FAMILIES = ("byte-level BPE", "WordPiece", "Metaspace")


def words(tokenizer: Tokenizer, text: str) -> list[str]:
    """The text between the places where tokens begin words."""
    aligned = align(tokenizer, [text])
    begins = [*aligned.start[aligned.word_start()].tolist(), len(text)]
    return [text[a:b].strip() for a, b in pairwise(begins)]


@pytest.mark.parametrize("family", FAMILIES)
def test_words_do_not_depend_on_the_family_of_the_tokenizer(family):
    assert words(tokenizer_of(family), "Nairobi, (5 m) is un-believable") == (
        ["Nairobi", ",", "(", "5", "m", ")", "is", "un", "-", "believable"]
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_subword_tokens_continue_their_word(family):
    tokenizer = tokenizer_of(family)
    aligned = align(tokenizer, ["xunbelievablex Kenya"])
    assert aligned.word_start().sum() == 2
    assert len(aligned.ids) > 2


def test_bytes_of_one_character_begin_one_word():
    aligned = align(tokenizer_of("byte-level BPE"), ["a 🙂 b"])
    assert len(aligned.ids) >= 5  # four bytes of the emoji, and a space maybe
    assert aligned.word_start().sum() == 3
    assert aligned.start[aligned.word_start()].tolist() == [0, 2, 4]


def test_texts_of_a_batch_do_not_touch():
    tokenizer = tokenizer_of("byte-level BPE")
    both = align(tokenizer, ["Kenya  ", "", "Nairobi"])
    assert np.diff(both.token_offsets).tolist()[1] == 0
    assert both.char_offsets.tolist() == [0, 8, 9, 17]
    first = both.token_offsets[2]
    assert both.start[first] == 9
    assert both.word_start()[first]


@pytest.mark.parametrize("at_once", [1, 8, 13])
def test_texts_aligned_in_portions_are_as_all_at_once(at_once, monkeypatch):
    tokenizer = tokenizer_of("byte-level BPE")
    texts = ["Kenya  ", "", "Nairobi, 1895.", " ", "a 🙂 b", ""]
    whole = align(tokenizer, texts)
    monkeypatch.setattr("maskpolicy.corpora.alignment.ALIGNED_AT_ONCE", at_once)
    portions = vars(align(tokenizer, texts))
    for name, expected in vars(whole).items():
        assert portions[name].dtype == expected.dtype
        assert portions[name].tolist() == expected.tolist(), name
    assert align(tokenizer, []).token_offsets.tolist() == [0]


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30), st.sampled_from(FAMILIES)
)
def test_tokens_begin_words_where_characters_do(text, family):
    aligned = align(tokenizer_of(family), [text])
    starts = aligned.start[aligned.word_start()].tolist()
    assert starts == sorted(set(starts))
    assert not any(text[i].isspace() for i in starts)
    for i in starts:
        assert i == 0 or not (text[i - 1].isalnum() and text[i].isalnum())
    if family == "byte-level BPE":  # the others may drop characters they do not know
        for match in re.finditer(r"(?<!\S)[A-Za-z]+(?!\S)", text):
            assert match.start() in starts
