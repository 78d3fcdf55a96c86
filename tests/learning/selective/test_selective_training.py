"""Training a selective policy: from a task to masks, blind to its test split, and interrupted."""

import shutil
from collections import Counter

import numpy as np
import pytest

from maskpolicy.arrow_files import read_table
from maskpolicy.artefacts import read_json
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.decisions.base import Address
from maskpolicy.errors import InputError
from maskpolicy.learning.files import PolicyFiles
from maskpolicy.learning.selective import selector
from maskpolicy.learning.selective import training as training_module
from maskpolicy.learning.selective.specs import PRESETS, SelectiveTraining
from maskpolicy.learning.selective.training import train_selective_policy
from maskpolicy.models import classifier
from maskpolicy.policies import specs
from maskpolicy.policies.registry import build_policy
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.tasks.classification import (
    read_classification_examples,
    write_classification_examples,
)
from maskpolicy.training.specs import EncoderTraining

QUICK = EncoderTraining(learning_rate=1e-2, batch_size=20, epochs=8, max_length=24)
TRAINING = SelectiveTraining(
    method="selective",
    model="tiny",
    task="reviews",
    preset="released",
    classifier=QUICK,
    selector=QUICK.model_copy(update={"epochs": 3}),
)


@pytest.fixture(scope="module")
def trained(review_task, encoder_folder, wordpiece_folder, tmp_path_factory):
    def train(task=review_task, state=None, checkpoint=encoder_folder, **changes):
        folder = tmp_path_factory.mktemp("trained")
        state = state or folder / "state"
        files = PolicyFiles(task, checkpoint, wordpiece_folder, state, folder / "network")
        train_selective_policy(files, TRAINING.model_copy(update=changes), 0, "t")
        return folder / "network"

    return train


@pytest.fixture(scope="module")
def network(trained):
    return trained()


def results(network):
    """Everything that a training writes, but the seconds that it took."""
    return {p.name: p.read_bytes() for p in network.iterdir() if p.name != "seconds.json"}


@pytest.fixture(scope="module")
def roberta_network(trained, make_encoder_folder):
    return trained(checkpoint=make_encoder_folder("roberta"))


@pytest.mark.parametrize("trained_network", ["network", "roberta_network"])
def test_the_policy_masks_what_decides_in_text_without_labels(
    trained_network, wordpiece_folder, reviews, request
):
    network = request.getfixturevalue(trained_network)
    tokenizer = load_tokenizer(wordpiece_folder)
    rows = [encoding.ids for encoding in tokenizer.encode_rows([e.text for e in reviews(80, 9)])]
    spec = specs.Selective(kind="selective", network="network")
    policy = build_policy(spec, networks=network.parent)
    batch = TokenBatch.from_lists(rows)
    mask = policy.decide(batch, Address(0, "corpus", "selective", 0)).mask
    telling = (batch.input_ids >= 5) & (batch.input_ids < 13)  # one word a sentence
    assert (mask & telling).sum() > 0.8 * telling.sum()
    assert (mask & telling).sum() > 0.8 * mask.sum()


def test_what_was_learned_is_written_down(network):
    manifest = read_json(network / "manifest.json")
    assert manifest["method"] == "selective" and manifest["labels"] == ["negative", "positive"]
    assert manifest["important"]["train"]["examples"] == 200
    assert manifest["classifier"]["dev"][manifest["classifier"]["best_epoch"] - 1] > 0.9
    assert {"model.safetensors", "config.json", "selector.json", "important.arrow"} <= set(
        manifest["files"]
    )
    table = read_table(network / "important.arrow")
    for split, count in manifest["important"].items():
        chosen = np.array(table["split"].to_pylist()) == split
        flags = [
            f
            for row, c in zip(table["important"].to_pylist(), chosen, strict=True)
            if c
            for f in row
        ]
        assert (len(flags), sum(flags)) == (count["tokens"], count["important"])
    assert set(read_json(network / "seconds.json")) == {
        "classifier",
        "important tokens",
        "selector",
    }
    assert "<svg" in (network / "learning-curve.svg").read_text()


def test_the_test_split_is_never_read(review_task, trained, network, tmp_path):
    """Plant a marker there, then take the file away: the results are the same, byte for byte."""
    for split in ("train", "dev"):
        shutil.copy(review_task / f"{split}.arrow", tmp_path)
    marker = [ClassificationExample(f"{i}", "superb marker", None, "negative") for i in range(200)]
    write_classification_examples(tmp_path / "test.arrow", marker)
    assert results(trained(tmp_path)) == results(network)
    (tmp_path / "test.arrow").unlink()
    assert results(trained(tmp_path)) == results(network)


class Interruption(Exception):
    pass


def test_interrupted_training_goes_on(trained, network, tmp_path, monkeypatch):
    """Interrupt a step of the classifier, then an epoch of the selector; nothing is done twice."""
    monkeypatch.setattr("maskpolicy.training.state.SAVE_EVERY", 0.0)
    monkeypatch.setattr("maskpolicy.training.state.SHARE_OF_TIME", float("inf"))
    loss, f1, mark_texts = (
        (classifier, "classification_loss"),
        (selector, "important_f1"),
        (training_module, "mark_texts"),
    )

    def train(interrupted=None, at=0):
        """Calls of the three, up to and with the one that is interrupted."""
        calls = Counter()

        def counted(part):
            real = getattr(*part)

            def call(*arguments):
                calls[part] += 1
                if part is interrupted and calls[part] == at:
                    raise Interruption
                return real(*arguments)

            return call

        with monkeypatch.context() as patch:
            for part in (loss, f1, mark_texts):
                patch.setattr(*part, counted(part))
            if interrupted:
                with pytest.raises(Interruption):
                    trained(state=tmp_path / "state")
            else:
                assert results(trained(state=tmp_path / "state")) == results(network)
        return calls[loss], calls[f1], calls[mark_texts]

    steps = 10  # an epoch
    assert train(loss, 3 * steps + 4) == (3 * steps + 4, 0, 0)
    assert train(f1, 2) == (8 * steps - (3 * steps + 3), 2, 2)
    assert train() == (0, 3 - 1, 0)
    assert not (tmp_path / "state").exists()


def test_presets_differ_in_what_is_important(trained, network):
    paper = trained(preset="paper", selector=QUICK.model_copy(update={"epochs": 1}))
    counts = [read_json(n / "manifest.json")["important"]["train"] for n in (paper, network)]
    assert counts[0]["correct"] == counts[1]["correct"]
    assert counts[0]["important"] > counts[1]["important"]  # stop words too, and a higher threshold
    assert read_json(paper / "selector.json")["largest_share"] is None
    assert read_json(network / "selector.json")["largest_share"] == 0.15


def test_presets_hold_what_paper_and_scripts_say():
    paper, released = PRESETS["paper"], PRESETS["released"]
    assert (paper.threshold, paper.class_weight, paper.selector.batch_size) == (0.05, 1.5, 64)
    assert (released.threshold, released.class_weight, released.selector.batch_size) == (
        *(0.01, 3.0, 32),
    )
    for preset in (paper, released):
        assert preset.selector.learning_rate == 1e-5 and preset.selector.max_length == 128
    classifier = SelectiveTraining(method="selective", model="m", task="t").classifier
    assert (classifier.learning_rate, classifier.batch_size, classifier.max_length) == (
        *(2e-5, 64, 256),
    )
    assert classifier.epochs == 10


def test_a_label_that_train_lacks_is_an_error(review_task, trained, tmp_path):
    for split in ("train", "dev"):
        examples = read_classification_examples(review_task / f"{split}.arrow")
        kept = [e for e in examples if split == "dev" or e.label == "positive"]
        write_classification_examples(tmp_path / f"{split}.arrow", kept)
    with pytest.raises(InputError, match=r"no example of negative \(train: \d+ positive; dev:"):
        trained(tmp_path)


def test_lengths_beyond_the_model_are_an_error_at_once(trained, tmp_path):
    too_long = QUICK.model_copy(update={"max_length": 25})
    with pytest.raises(InputError, match="max_length: 25 tokens are more than the 24"):
        trained(selector=too_long, state=tmp_path / "state")
    assert not (tmp_path / "state").exists()
