"""Fixtures that several rooms share: small, made here, nothing fetched."""

import pytest


@pytest.fixture
def make_tiny_bart():
    """A BART of a few thousand parameters, always with the same initial weights."""
    import torch
    from transformers import BartConfig, BartForConditionalGeneration

    def make(vocab_size=40, dropout=0.0):
        torch.manual_seed(0)
        return BartForConditionalGeneration(
            BartConfig(
                vocab_size=vocab_size,
                d_model=16,
                encoder_layers=1,
                decoder_layers=1,
                encoder_attention_heads=2,
                decoder_attention_heads=2,
                encoder_ffn_dim=32,
                decoder_ffn_dim=32,
                max_position_embeddings=64,
                dropout=dropout,
                init_std=0.06,
            )
        )

    return make


@pytest.fixture
def tiny_bart(make_tiny_bart):
    """The tiny BART, ready to evaluate."""
    return make_tiny_bart().eval()


@pytest.fixture(scope="session")
def wordpiece_folder(tmp_path_factory):
    """A WordPiece tokenizer as BERT's, of the words of `REVIEW_WORDS` and pieces of a few more."""
    import tokenizers
    from transformers import PreTrainedTokenizerFast

    from maskpolicy.corpora.tokenizer import import_tokenizer

    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    vocabulary = [*special, *REVIEW_WORDS, "over", "rated", "##rated", "##ly", ".", ","]
    model = tokenizers.models.WordPiece(
        {piece: i for i, piece in enumerate(vocabulary)}, unk_token="[UNK]"
    )
    backend = tokenizers.Tokenizer(model)
    backend.normalizer = tokenizers.normalizers.BertNormalizer()
    backend.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    folder = tmp_path_factory.mktemp("wordpiece")
    PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    ).save_pretrained(folder / "source")
    import_tokenizer(str(folder / "source"), folder / "tokenizer")
    return folder / "tokenizer"


REVIEW_WORDS = (
    *("superb", "funny", "touching", "fresh", "awful", "dull", "silly", "stale"),
    *("the", "film", "is", "a", "plot", "cast", "with", "scene", "story", "and", "of", "it"),
)
"""Four words of praise, four of blame, twelve that say nothing."""
