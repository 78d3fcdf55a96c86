"""Training on batches that a test makes, and the masked corpora that stages are given."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from maskpolicy.corpora.documents import write_documents
from maskpolicy.corpora.sharding import shard_corpus
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.tokenizer import train_tokenizer
from maskpolicy.decisions.files import decision_file
from maskpolicy.policies.masking import ShardMasks, mask_shard
from maskpolicy.sources.base import Document
from maskpolicy.training.finetune import finetune
from maskpolicy.training.fit import fit
from maskpolicy.training.loop import BatchLearner, TrainingHistory
from maskpolicy.training.masked_data import MaskedCorpus


class Materials(NamedTuple):
    """Paths of what a stage is given."""

    folder: Path
    tokenizer: Path
    shards: list[Path]
    checkpoint: Path


def training_materials(folder: Path, save_checkpoint: Callable[[Path, Path], None]) -> Materials:
    """Forty short documents in two shards, and what `save_checkpoint` makes of their tokenizer."""
    texts = [f"The capital of land {i} is town {i * 7 % 40}. It is green." for i in range(40)]
    documents, tokenizer, checkpoint = (
        folder / name for name in ("documents", "tokenizer", "checkpoint")
    )
    write_documents([Document("", text) for text in texts], documents)
    spec = TrainedTokenizer(train_on=("corpus",), vocabulary_size=320)
    train_tokenizer([documents], spec, tokenizer)
    shards = [folder / f"shard-{i}.arrow" for i in range(2)]
    for i, shard in enumerate(shards):
        shard_corpus(documents, tokenizer, shard, sequence_length=32, shard=i, shards=2)
    save_checkpoint(tokenizer, checkpoint)
    return Materials(folder, tokenizer, shards, checkpoint)


def train(
    model, batches, optimisation, *, learning_rate, step_loss, seed=0, **settings
) -> TrainingHistory:
    """Train `model` in place, and return what was done."""
    learner = BatchLearner(
        "t",
        model,
        lambda step: islice(batches, step, None),
        optimisation=optimisation,
        learning_rate=learning_rate,
        seed=seed,
        step_loss=step_loss,
        **settings,
    )
    fit(learner)
    return learner.history()


def finetune_once(inputs, metric, setting, name, *, state, output):
    """One run, by itself."""
    finetune(inputs, metric, setting, {output: name}, state=state)


def decide(materials, name, spec, epochs):
    """Decisions of a policy for every epoch and shard."""
    folder = materials.folder / name
    files = [[decision_file(folder, e, shard) for shard in materials.shards] for e in range(epochs)]
    for i, shard in enumerate(materials.shards):
        mask_shard(
            ShardMasks(shard, "corpus", name, 0, range(epochs), folder / f"shard-{i}.json"), spec
        )
    return files


def pretraining_corpus(materials, masks, objective) -> MaskedCorpus:
    """The materials' corpus under those masks, with seed 0."""
    return MaskedCorpus(materials.shards, masks, objective, materials.tokenizer, seed=0)
