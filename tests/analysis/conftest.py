"""A tiny encoder in float64, whose gradients obey algebra to twelve digits; masks made by hand."""

import numpy as np
import pytest

from maskpolicy.analysis.mask_counts import ArmMasks
from maskpolicy.analysis.specs import VarianceAnalysis
from maskpolicy.arrow_files import write_batches
from maskpolicy.artefacts import write_manifest
from maskpolicy.corpora.documents import write_documents
from maskpolicy.corpora.sharding import shard_corpus
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.corruption.rendering import SpecialIds
from maskpolicy.decisions.base import Decisions
from maskpolicy.decisions.budgets import BudgetCount
from maskpolicy.decisions.files import decision_file, packed, write_decisions
from maskpolicy.models.encoder import load_masked_lm
from maskpolicy.policies.registry import find_policy
from maskpolicy.sources.base import Document


@pytest.fixture
def spec():
    """A small analysis of sequences of eight tokens, two of them masked; `changed` by keyword."""

    def make(**changed):
        sizes = {"model": "bert", "corpus": "reviews", "rows": 3, "length": 8, "masked": 2}
        sizes |= {"masks": (2, 4), "distances": 3, "pairs": 2, "groups": 2, "reference": 4}
        return VarianceAnalysis(**{**sizes, "batch_size": 3, **changed})

    return make


@pytest.fixture(scope="session")
def encoder(encoder_folder):
    return load_masked_lm(encoder_folder).double()


@pytest.fixture(scope="session")
def special(wordpiece_folder):
    return SpecialIds.of(load_tokenizer(wordpiece_folder))


@pytest.fixture(scope="session")
def review_shards(tmp_path_factory, wordpiece_folder, reviews):
    """The same corpus of short reviews in one shard, and in three."""
    folder = tmp_path_factory.mktemp("shards")
    texts = [example.text for example in reviews(60, 0)]
    write_documents([Document("", text) for text in texts], folder / "documents")
    cut = {}
    for number in (1, 3):
        cut[number] = [folder / f"{number}-{i}.arrow" for i in range(number)]
        for i, shard in enumerate(cut[number]):
            shard_corpus(
                folder / "documents",
                wordpiece_folder,
                shard,
                sequence_length=16,
                shard=i,
                shards=number,
            )
    return cut


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """Write shards of batches, their annotations, and masks of each arm; returns where they lie.

    `arms` maps an arm to a mask, bool, of all tokens of the corpus for each epoch.
    """

    def write(shards: list[list[TokenBatch]], arms: dict[str, list]) -> ArmMasks:
        folder, paths, tokens = tmp_path_factory.mktemp("masked"), [], 0
        for number, batches in enumerate(shards):
            paths.append(folder / f"shard-{number}.arrow")
            annotated = folder / "annotations" / paths[-1].name
            with write_batches(paths[-1], batches[0].tokens.schema) as writer:
                for batch in batches:
                    writer.write_batch(batch.tokens)
            with write_batches(annotated, batches[0].annotations.schema) as writer:
                for batch in batches:
                    writer.write_batch(batch.annotations)
            for arm, masks in arms.items():
                write_masks(folder / arm, paths[-1], batches, masks, tokens)
            tokens += sum(len(batch.input_ids) for batch in batches)
        folders, epochs = [folder / arm for arm in arms], len(next(iter(arms.values())))
        decide = find_policy("rand")(kind="rand", rate=0.15)
        return ArmMasks(
            paths,
            folder / "annotations",
            folders,
            epochs,
            seed=0,
            corpus="words",
            policies=dict.fromkeys(arms, decide),
        )

    return write


def write_masks(folder, shard, batches, masks, first):
    """Write the decisions of an arm for a shard whose tokens begin at `first`, and the manifest."""
    budget, files = BudgetCount(), []
    for epoch, mask in enumerate(masks):
        files.append(decision_file(folder, epoch, shard))
        begin = first
        with write_decisions(files[-1], inserts=False) as writer:
            for batch in batches:
                end = begin + len(batch.input_ids)
                decisions = Decisions(np.array(mask[begin:end], bool))
                budget.add(batch.offsets, decisions)
                writer.write_batch(packed(decisions))
                begin = end
    write_manifest(folder / f"{shard.stem}.json", files, policy=folder.name, **budget.facts())
