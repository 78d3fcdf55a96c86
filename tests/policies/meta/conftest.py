"""A model, triples and a task small enough for second derivatives in double precision."""

from pathlib import Path

import pyarrow as pa
import pytest
import torch
from transformers import BartConfig, BartForConditionalGeneration

from maskpolicy.artefacts import write_table
from maskpolicy.corpora.documents import DOCUMENT_SCHEMA
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.tokenizer import load_tokenizer, train_tokenizer
from maskpolicy.policies.meta.objective import SequenceObjective
from maskpolicy.tasks.examples import Example, write_examples
from maskpolicy.training.batches import Batch

VOCABULARY, MASK = 60, 4


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Threads that wait for each other on a busy machine slow tiny models down a hundredfold."""
    torch.set_num_threads(1)


@pytest.fixture
def make_objective():
    """An objective of a one-layer BART with weights large enough for curvature."""

    def make(dtype=torch.float64, tied=True, dropout=0.0):
        torch.manual_seed(0)
        model = BartForConditionalGeneration(
            BartConfig(
                vocab_size=VOCABULARY,
                d_model=16,
                encoder_layers=1,
                decoder_layers=1,
                encoder_attention_heads=2,
                decoder_attention_heads=2,
                encoder_ffn_dim=32,
                decoder_ffn_dim=32,
                max_position_embeddings=64,
                dropout=dropout,
                init_std=0.2,
                tie_word_embeddings=tied,
            )
        )
        return SequenceObjective(model.to(dtype), MASK)

    return make


@pytest.fixture
def objective(make_objective):
    return make_objective()


@pytest.fixture
def pretrain():
    """Three contexts between <s> and </s>, the second one padded."""
    torch.manual_seed(1)
    ids = torch.randint(5, VOCABULARY, (3, 12))
    ids[:, 0], ids[:, -1] = 0, 2
    ids[1, 9], ids[1, 10:] = 2, 1
    return Batch(ids, ids)


@pytest.fixture
def finetune():
    torch.manual_seed(2)
    source, target = (torch.randint(5, VOCABULARY, (3, n)) for n in (7, 4))
    source[2, 5:], target[0, 3:] = 1, 1
    return Batch(source, target)


@pytest.fixture
def decisions(pretrain):
    """Soft decisions of two pre-train steps: float64 [2, 3, 12], 0 at special tokens."""
    torch.manual_seed(3)
    return torch.rand(2, 3, 12, dtype=torch.float64) * (pretrain.source > MASK)


def towns(first, number):
    """Examples whose target stands in their context."""
    names = [f"{a}{b}" for a in ("Kalo", "Bora", "Luma", "Miti") for b in ("ka", "ru", "ne", "so")]
    return [
        Example(
            id=f"{i}/capital",
            context=f"Land {i}. Port: {names[(i + 7) % 16]}. Capital: {names[i % 16]}. Area: {i}.",
            source=f"capital of land {i}?",
            target=names[i % 16],
            answers=(names[i % 16],),
        )
        for i in range(first, first + number)
    ]


@pytest.fixture(name="towns", scope="session")
def _towns():
    return towns


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    texts = [example.context for example in towns(0, 80)]
    columns = {"document": range(80), "title": [""] * 80, "text": texts}
    table = pa.Table.from_pydict(columns, schema=DOCUMENT_SCHEMA)
    write_table(folder / "documents.arrow", table)
    spec = TrainedTokenizer(train_on=("c",), vocabulary_size=320, lowercase=True)
    train_tokenizer([folder / "documents.arrow"], spec, folder / "tokenizer")
    return folder / "tokenizer"


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder):
    return load_tokenizer(tokenizer_folder)


@pytest.fixture
def checkpoint(make_tiny_bart, tmp_path) -> Path:
    folder = tmp_path / "checkpoint"
    make_tiny_bart(vocab_size=320, dropout=0.1).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def task(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    write_examples(folder / "train.arrow", towns(0, 24))
    write_examples(folder / "dev.arrow", towns(48, 8))
    write_examples(folder / "test.arrow", towns(64, 8))
    return folder
