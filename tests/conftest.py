"""Fixtures that several rooms share: small, made here, nothing fetched."""

import os

import pytest
from xdist.scheduler import LoadFileScheduling

# Of this process before it imports torch, and of those that tests start. Threads that wait for
# each other beside other work slow tiny models down a hundredfold, and where a test compares the
# bytes of two processes both have to sum in one order.
os.environ["OMP_NUM_THREADS"] = "1"

pytest_plugins = ["support.policy_fixtures"]

FINISHED = "tests/workflow/finished/"


def pytest_collection_modifyitems(items):
    """The longest first: what is left at the end is short, and workers end together."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/workflow/"))


class WholeFiles(LoadFileScheduling):
    """A file goes to one worker; those that share the finished study, which takes minutes to run,
    go to the same.
    """

    def _split_scope(self, nodeid):
        return FINISHED if nodeid.startswith(FINISHED) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config, log):
    return WholeFiles(config, log)


@pytest.fixture
def make_tiny_bart():
    """A BART of a few thousand parameters, always with the same initial weights."""
    import torch
    from transformers import BartConfig, BartForConditionalGeneration

    def make(vocab_size=40, dropout=0.0, **settings):
        torch.manual_seed(0)
        sizes = {
            "d_model": 16,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "encoder_attention_heads": 2,
            "decoder_attention_heads": 2,
            "encoder_ffn_dim": 32,
            "decoder_ffn_dim": 32,
            "max_position_embeddings": 64,
            "init_std": 0.06,
        }
        config = BartConfig(vocab_size=vocab_size, dropout=dropout, **sizes | settings)
        return BartForConditionalGeneration(config)

    return make


@pytest.fixture
def make_tiny_bert():
    """A BERT of as many, likewise."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    def make(vocab_size=40, **settings):
        torch.manual_seed(0)
        sizes = {
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "max_position_embeddings": 64,
            "hidden_dropout_prob": 0.0,
            "attention_probs_dropout_prob": 0.0,
        }
        return BertForMaskedLM(BertConfig(vocab_size=vocab_size, **sizes | settings))

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


@pytest.fixture(scope="session")
def reviews():
    """Makes labelled sentences whose label one of their words decides."""
    import numpy as np

    from maskpolicy.sources.base import ClassificationExample

    def make(number, seed):
        random = np.random.default_rng(seed)
        examples = []
        for i in range(number):
            words = random.choice(REVIEW_WORDS[8:], size=random.integers(3, 9)).tolist()
            telling = int(random.integers(8))
            words.insert(int(random.integers(len(words) + 1)), REVIEW_WORDS[telling])
            label = "positive" if telling < 4 else "negative"
            examples.append(ClassificationExample(f"{seed}-{i}", " ".join(words), None, label))
        return examples

    return make


@pytest.fixture(scope="session")
def review_task(tmp_path_factory, reviews):
    """The folder of a classification task of such sentences."""
    from maskpolicy.artefacts import write_json
    from maskpolicy.tasks.classification import write_classification_examples

    folder = tmp_path_factory.mktemp("reviews")
    for seed, (split, number) in enumerate({"train": 200, "dev": 40, "test": 40}.items()):
        write_classification_examples(folder / f"{split}.arrow", reviews(number, seed))
    write_json(folder / "manifest.json", {"kind": "classification", "regression": False})
    return folder


@pytest.fixture(scope="session")
def make_encoder_folder(tmp_path_factory, wordpiece_folder):
    """Makes the checkpoint of an encoder of a few thousand parameters, with a masked-LM head."""
    from maskpolicy.models.initialise import initialise_model
    from maskpolicy.models.specs import EncoderArchitecture, EncoderModel

    def make(family):
        folder = tmp_path_factory.mktemp(family) / "initial"
        architecture = EncoderArchitecture(
            family=family,
            hidden_size=16,
            layers=2,
            attention_heads=2,
            ffn_dim=32,
            dropout=0.0,
            init_std=0.2,
            max_positions=24,
        )
        model = EncoderModel(family="encoder", tokenizer="t", architecture=architecture)
        initialise_model(model, wordpiece_folder, 0, folder)
        return folder

    return make


@pytest.fixture(scope="session")
def encoder_folder(make_encoder_folder):
    """The checkpoint of such a BERT."""
    return make_encoder_folder("bert")
