"""Pre-training, general or intermediate: the same stage with another corpus and another policy."""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import numpy as np
import torch

from maskpolicy.artefacts import ArtefactError
from maskpolicy.config import Objective, Pretraining
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.corruption import (
    SpecialIds,
    load_decisions,
    load_tokens,
    render,
    rendered_lengths,
)
from maskpolicy.models.seq2seq import load_model, save_model
from maskpolicy.randomness import key
from maskpolicy.training.batches import Batch, bucketed_order
from maskpolicy.training.loop import train


class MaskedBatches:
    """Endless batches of a masked corpus; pass p over it reads the masks of epoch p modulo
    `epochs`.

    Rows that the policy left without decisions are dropped, so passes may differ in length.
    """

    def __init__(
        self,
        shards: Sequence[Path],
        masks: Sequence[Sequence[Path]],
        objective: Objective,
        tokenizer: Tokenizer,
        max_length: int,
        batch_size: int,
        seed: int,
    ) -> None:
        self.tokens = load_tokens(shards, sentences=objective.permute_sentences)
        self.masks = masks
        self.objective = objective
        self.special = SpecialIds.of(tokenizer)
        self.max_length = max_length
        self.batch_size = batch_size
        self.seed = seed

    def __iter__(self) -> Iterator[Batch]:
        for number in count():
            files = self.masks[number % len(self.masks)]
            decisions = load_decisions(files, self.tokens)
            source, target = rendered_lengths(self.tokens, decisions, self.objective)
            kept = np.flatnonzero(target > 0)
            if len(kept) == 0:
                raise ArtefactError(
                    f"{files[0].parent}: the policy masks nothing in the whole corpus"
                )
            lengths = (source + target)[kept]
            for chosen in bucketed_order(lengths, self.batch_size, self.seed, number):
                batch = render(
                    self.tokens,
                    decisions,
                    kept[chosen],
                    self.objective,
                    self.special,
                    source_length=self.max_length,
                    target_length=self.max_length,
                    key=key(self.seed, "render", number),
                )
                yield Batch(torch.from_numpy(batch.source), torch.from_numpy(batch.target))


def pretrain(
    checkpoint: Path,
    tokenizer_folder: Path,
    shards: Sequence[Path],
    masks: Sequence[Sequence[Path]],
    objective: Objective,
    stage: Pretraining,
    seed: int,
    title: str,
    output: Path,
) -> None:
    """Continue training `checkpoint` on a masked corpus and write the checkpoint `output`.

    `masks[e]` are the decisions of epoch e, one file a shard, in the order of `shards`.
    Its manifest.json holds hashes, the losses and the tokens read.
    """
    model = load_model(checkpoint)
    batches = MaskedBatches(
        shards,
        masks,
        objective,
        load_tokenizer(tokenizer_folder),
        model.config.max_position_embeddings,
        stage.batch_size,
        seed,
    )
    record = train(model, batches, stage, stage.learning_rate, seed, title)
    save_model(
        model.cpu(),
        output,
        steps=record.steps,
        tokens=record.tokens,
        losses=list(record.losses),
    )
