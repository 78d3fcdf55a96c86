"""A corpus of a few rows, its tokenizer, and a checkpoint: what the training stages read."""

from pathlib import Path
from typing import NamedTuple

import pytest

from maskpolicy.corpora.documents import write_documents
from maskpolicy.corpora.sharding import shard_corpus
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.tokenizer import load_tokenizer, train_tokenizer
from maskpolicy.models.checkpoints import save_model
from maskpolicy.sources.base import Document


class Materials(NamedTuple):
    """Paths of what a stage is given."""

    folder: Path
    tokenizer: Path
    shards: list[Path]
    checkpoint: Path


@pytest.fixture
def materials(tmp_path, make_tiny_bart) -> Materials:
    """Forty short documents in two shards, and a tiny BART that knows their tokenizer."""
    texts = [f"The capital of land {i} is town {i * 7 % 40}. It is green." for i in range(40)]
    documents, tokenizer = tmp_path / "documents", tmp_path / "tokenizer"
    write_documents([Document("", text) for text in texts], documents)
    spec = TrainedTokenizer(train_on=("corpus",), vocabulary_size=320)
    train_tokenizer([documents], spec, tokenizer)
    shards = [tmp_path / f"shard-{i}.arrow" for i in range(2)]
    for i, shard in enumerate(shards):
        shard_corpus(documents, tokenizer, shard, sequence_length=32, shard=i, shards=2)
    loaded = load_tokenizer(tokenizer)
    model = make_tiny_bart(vocab_size=loaded.vocabulary_size)
    save_model(model, loaded, tmp_path / "checkpoint")
    return Materials(tmp_path, tmp_path / "tokenizer", shards, tmp_path / "checkpoint")
