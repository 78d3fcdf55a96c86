"""Fine-tuning encoders: what is learned, which epoch is kept, and what of the task is seen."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from maskpolicy.arrow_files import read_table
from maskpolicy.artefacts import read_json, write_json
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.errors import InputError
from maskpolicy.evaluation.predictions import NamedRun
from maskpolicy.evaluation.scoring import score_runs
from maskpolicy.evaluation.search import Setting
from maskpolicy.models import classifier as classifier_module
from maskpolicy.models.classifier import Classifier, encode_examples
from maskpolicy.models.encoder import load_sequence_classifier, sequence_layout
from maskpolicy.models.inference import SequenceInference
from maskpolicy.models.labelled import LabelledBatches, classification_loss
from maskpolicy.models.specs import Generation
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.tasks.classification import (
    read_classification_examples,
    write_classification_examples,
)
from maskpolicy.training import state
from maskpolicy.training.finetune import (
    FinetuneInputs,
    finetune,
    fit_task,
    search_finetuning,
)
from maskpolicy.training.specs import EncoderTraining, Finetuning
from maskpolicy.training.state import Saving
from maskpolicy.training.validation import best_validation, train_validated

LABELS = ("negative", "positive")
TRAINING = EncoderTraining(learning_rate=1e-2, batch_size=20, epochs=4, max_length=24)
LONGER = TRAINING.model_copy(update={"epochs": 12})
FINETUNING = Finetuning(learning_rates=(1e-4, 1e-2), **LONGER.model_dump(exclude={"learning_rate"}))


@pytest.fixture(scope="module")
def tokenizer(wordpiece_folder):
    return load_tokenizer(wordpiece_folder)


@pytest.fixture(scope="module")
def splits(review_task):
    return {
        split: read_classification_examples(review_task / f"{split}.arrow")
        for split in ("train", "dev", "test")
    }


@pytest.fixture
def fit(encoder_folder, tokenizer):
    """Fine-tunes a fresh classifier with seed 0, which is given back with its epochs."""

    def make(train, dev, training=TRAINING, labels=LABELS, **settings):
        classifier = Classifier.load(encoder_folder, tokenizer, labels, training.max_length, 0)
        on = training.on(len(train))
        return classifier, fit_task(classifier, train, dev, on, seed=0, title="t", **settings)

    return make


def accuracy(classifier, examples):
    predicted = classifier.predict(classifier.encode(examples))
    return np.mean([p == e.label for p, e in zip(predicted, examples, strict=True)])


def test_a_classifier_learns_what_decides(fit, splits):
    classifier, epochs = fit(splits["train"], splits["dev"])
    assert len(epochs) == 4 and epochs[-1].loss < 0.5 * epochs[0].loss
    assert accuracy(classifier, splits["test"]) > 0.9
    dev = accuracy(classifier, splits["dev"])
    assert dev == pytest.approx(max(epoch.dev for epoch in epochs))
    again, same_epochs = fit(splits["train"], splits["dev"])
    assert same_epochs == epochs
    for one, other in zip(classifier.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_pairs_and_regressions(fit, tokenizer, splits):
    def as_regression(examples):
        return [
            ClassificationExample(
                e.id, "the film", e.text, "1.5" if e.label == "positive" else "-1"
            )
            for e in examples
        ]

    train, dev = as_regression(splits["train"]), as_regression(splits["dev"])
    regression, epochs = fit(train, dev, LONGER, labels=(), metric="pearson")
    assert max(epoch.dev for epoch in epochs) > 0.8
    values = [float(v) for v in regression.predict(regression.encode(dev))]
    assert np.corrcoef(values, [float(e.label) for e in dev])[0, 1] == pytest.approx(
        max(epoch.dev for epoch in epochs), abs=1e-3
    )
    with pytest.raises(ValueError, match="not of both"):
        encode_examples([train[0], splits["train"][0]], tokenizer, regression.layout)


def test_a_regression_predicts_all_digits(encoder_folder, tokenizer, splits):
    model = load_sequence_classifier(encoder_folder, 1)
    regression = Classifier(model, tokenizer, sequence_layout(model, tokenizer, 24), ())
    inputs = regression.encode(splits["dev"])
    outputs = SequenceInference(model).outputs(inputs)[:, 0]
    assert [float(value) for value in regression.predict(inputs)] == outputs.tolist()


def test_the_first_best_validation_is_kept(encoder_folder, tokenizer, splits):
    model = load_sequence_classifier(encoder_folder, 2)
    scores, seen = iter([0.5, 0.7, 0.7, 0.6]), []

    def dev_score():
        seen.append({n: w.clone() for n, w in model.state_dict().items()})
        return next(scores)

    def loss(model, batch, label_smoothing):
        ids = torch.from_numpy(batch.inputs.ids.astype(np.int64))
        return torch.nn.functional.cross_entropy(model(input_ids=ids).logits, batch.labels)

    classifier = Classifier.load(encoder_folder, tokenizer, LABELS, TRAINING.max_length, 0)
    inputs = classifier.encode(splits["train"])
    targets = classifier.targets(splits["train"])
    batches = LabelledBatches(inputs, targets, TRAINING.batch_size, 0)
    validations = train_validated(
        model,
        batches,
        TRAINING.on(len(inputs)),
        step_loss=loss,
        dev_score=dev_score,
        seed=0,
        title="t",
    )
    assert [validation.dev for validation in validations] == [0.5, 0.7, 0.7, 0.6]
    assert [validation.steps for validation in validations] == [10, 20, 30, 40]
    assert best_validation(validations) == 2
    assert all(torch.equal(w, seen[1][n]) for n, w in model.state_dict().items())


class Interruption(Exception):
    pass


def test_an_interrupted_training_goes_on_after_its_last_step(fit, splits, tmp_path, monkeypatch):
    monkeypatch.setattr(state, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(state, "SHARE_OF_TIME", float("inf"))
    read = []

    def interruptible(saving=None, interrupted_at=None):
        read.clear()

        def loss(model, batch, label_smoothing):
            read.append(batch)
            if len(read) == interrupted_at:
                raise Interruption
            return classification_loss(model, batch, label_smoothing)

        monkeypatch.setattr(classifier_module, "classification_loss", loss)
        classifier, epochs = fit(splits["train"], splits["dev"], saving=saving, finish=True)
        return [w.tolist() for w in classifier.model.state_dict().values()], epochs

    straight = interruptible()
    steps = len(read) // TRAINING.epochs
    with pytest.raises(Interruption):
        interruptible(Saving(tmp_path, "a"), 2 * steps + 3)
    assert interruptible(Saving(tmp_path, "a")) == straight
    assert len(read) == 2 * steps - 2, "the steps of the third epoch are not repeated either"
    assert interruptible(Saving(tmp_path, "a")) == straight, "a finished training is not repeated"
    assert not read


def test_batches_hold_every_example_once_a_pass(tokenizer, splits, encoder_folder):
    classifier = Classifier.load(encoder_folder, tokenizer, LABELS, TRAINING.max_length, 0)
    inputs = classifier.encode(splits["train"])
    batches = iter(LabelledBatches(inputs, np.arange(200), 30, seed=0))
    one_pass = [next(batches) for _ in range(7)]
    assert sorted(torch.cat([b.labels for b in one_pass]).tolist()) == list(range(200))
    assert sum(b.tokens(0) for b in one_pass) == inputs.lengths.sum()


@pytest.fixture
def inputs(encoder_folder, wordpiece_folder):
    """What fine-tuning on the task of a folder starts from."""

    def make(task, finetuning=FINETUNING):
        return FinetuneInputs(encoder_folder, wordpiece_folder, task, finetuning, Generation())

    return make


def run(inputs, output):
    name = NamedRun(model="tiny", policy="none", task="reviews", pretraining_seed=0, seed=3)
    setting, state = Setting(LONGER.learning_rate), output.parent / "states"
    finetune(inputs, "accuracy", setting, {output: name}, state=state)
    score_runs([output / "manifest.json"], ["accuracy"])
    return read_json(output / "metrics.json"), read_table(output / "predictions.arrow")


def test_a_run_reports_test_and_sees_nothing_of_it(review_task, inputs, splits, tmp_path):
    metrics, predictions = run(inputs(review_task), tmp_path / "run")
    assert metrics["split"] == "test" and metrics["examples"] == 40
    assert metrics["metrics"]["accuracy"] > 0.9
    # The same training whatever the test split holds: the first predictions are the same.
    for name in ("train.arrow", "dev.arrow", "manifest.json"):
        (tmp_path / name).symlink_to(review_task / name)
    marker = ClassificationExample("marker", "superb marker", None, "negative")
    write_classification_examples(tmp_path / "test.arrow", [*splits["test"], marker])
    marked, marked_predictions = run(inputs(tmp_path), tmp_path / "out")
    assert marked["dev"] == metrics["dev"]
    assert marked_predictions["prediction"][:40] == predictions["prediction"]


def test_the_rate_is_searched_on_dev(review_task, inputs, tmp_path):
    output, state = tmp_path / "search.json", tmp_path / "states"
    search_finetuning(inputs(review_task), "accuracy", 0, "t", state=state, output=output)
    search = read_json(tmp_path / "search.json")
    assert search["learning_rate"] == 1e-2  # the other one hardly moves
    assert search["dev"][0]["accuracy"] < search["dev"][1]["accuracy"]


def test_a_label_missing_in_train_is_an_error(review_task, inputs, splits, tmp_path):
    (tmp_path / "manifest.json").symlink_to(review_task / "manifest.json")
    for split, some in splits.items():
        kept = [e for e in some if split != "train" or e.label == "positive"]
        write_classification_examples(tmp_path / f"{split}.arrow", kept)
    with pytest.raises(InputError, match="no example of negative"):
        run(inputs(tmp_path), tmp_path / "run")


def test_the_manifest_says_that_labels_are_numbers(inputs, splits, tmp_path):
    for split, some in splits.items():
        numbered = [replace(e, label="1" if e.label == "positive" else "-1") for e in some]
        write_classification_examples(tmp_path / f"{split}.arrow", numbered)
    write_json(tmp_path / "manifest.json", {"kind": "classification", "regression": True})
    _, predictions = run(inputs(tmp_path), tmp_path / "run")
    assert len(set(predictions["prediction"].to_pylist())) > 2


def test_settings_of_another_family_are_an_error(review_task, inputs, tmp_path):
    settings = FINETUNING.model_copy(update={"source_length": 24})
    with pytest.raises(InputError, match="source_length: an encoder has `max_length` instead"):
        run(inputs(review_task, settings), tmp_path / "run")


def test_a_length_that_the_model_cannot_take_is_an_error(fit, splits):
    training = TRAINING.model_copy(update={"max_length": 25})
    with pytest.raises(InputError, match="max_length: 25 tokens are more than the 24"):
        fit(splits["train"], splits["dev"], training)


def test_a_kept_classifier_knows_its_labels(review_task, inputs, splits, tmp_path):
    settings = FINETUNING.model_copy(update={"epochs": 2, "keep": True})
    _, predictions = run(inputs(review_task, settings), tmp_path / "run")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run" / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "run" / "model")
    texts = [example.text for example in splits["test"]]
    with torch.inference_mode():
        logits = model(**tokenizer(texts, padding=True, return_tensors="pt")).logits
    labels = [model.config.id2label[i] for i in logits.argmax(-1).tolist()]
    by_id = dict(zip(*predictions.select(["id", "prediction"]).to_pydict().values(), strict=True))
    assert labels == [by_id[example.id] for example in splits["test"]]
