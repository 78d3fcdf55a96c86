"""Training on batches that a test makes, and the masked corpora that stages are given."""

from itertools import islice

from maskpolicy.decisions.files import decision_file
from maskpolicy.policies.masking import ShardMasks, mask_shard
from maskpolicy.training.fit import fit
from maskpolicy.training.loop import BatchLearner, TrainingHistory
from maskpolicy.training.masked_data import MaskedCorpus


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
