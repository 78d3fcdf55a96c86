"""Fine-tuning encoders: what is learned, which epoch is kept, and what of the task is seen."""

import numpy as np
import pytest
import torch

from maskpolicy.arrow_files import read_table
from maskpolicy.artefacts import read_json
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.errors import InputError
from maskpolicy.models.encoder import load_sequence_classifier, sequence_layout
from maskpolicy.models.inference import SequenceInference
from maskpolicy.models.labelled import LabelledBatches, classification_loss
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.tasks.classification import (
    read_classification_examples,
    write_classification_examples,
)
from maskpolicy.training import classify, state
from maskpolicy.training.classify import (
    Classifier,
    encode_examples,
    finetune_classifier,
    fit_classifier,
    search_classifier,
)
from maskpolicy.training.epochs import train_epochs
from maskpolicy.training.finetune import RunName
from maskpolicy.training.specs import EncoderFinetuning, EncoderTraining
from maskpolicy.training.state import Saving

LABELS = ("negative", "positive")
TRAINING = EncoderTraining(learning_rate=1e-2, batch_size=20, epochs=4, max_length=24)
LONGER = TRAINING.model_copy(update={"epochs": 12})
FINETUNING = EncoderFinetuning(
    learning_rates=(1e-4, 1e-2), **LONGER.model_dump(exclude={"learning_rate"})
)


@pytest.fixture(scope="module")
def tokenizer(wordpiece_folder):
    return load_tokenizer(wordpiece_folder)


@pytest.fixture(scope="module")
def splits(review_task):
    return {
        split: read_classification_examples(review_task / f"{split}.arrow")
        for split in ("train", "dev", "test")
    }


def accuracy(classifier, examples, tokenizer):
    predicted = classifier.predict(classifier.encode(examples, tokenizer))
    return np.mean([p == e.label for p, e in zip(predicted, examples, strict=True)])


def test_a_classifier_learns_what_decides(encoder_folder, tokenizer, splits):
    classifier, epochs = fit_classifier(
        encoder_folder, tokenizer, splits["train"], splits["dev"], LABELS, TRAINING, 0, "t"
    )
    assert len(epochs) == 4 and epochs[-1].loss < 0.5 * epochs[0].loss
    assert accuracy(classifier, splits["test"], tokenizer) > 0.9
    dev = accuracy(classifier, splits["dev"], tokenizer)
    assert dev == pytest.approx(max(epoch.dev for epoch in epochs))
    again, same_epochs = fit_classifier(
        encoder_folder, tokenizer, splits["train"], splits["dev"], LABELS, TRAINING, 0, "t"
    )
    assert same_epochs == epochs
    for one, other in zip(classifier.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_pairs_and_regressions(encoder_folder, tokenizer, splits):
    def as_regression(examples):
        return [
            ClassificationExample(
                e.id, "the film", e.text, "1.5" if e.label == "positive" else "-1"
            )
            for e in examples
        ]

    train, dev = as_regression(splits["train"]), as_regression(splits["dev"])
    regression, epochs = fit_classifier(
        encoder_folder, tokenizer, train, dev, (), LONGER, 0, "t", metric="pearson"
    )
    assert max(epoch.dev for epoch in epochs) > 0.8
    values = [float(v) for v in regression.predict(regression.encode(dev, tokenizer))]
    assert np.corrcoef(values, [float(e.label) for e in dev])[0, 1] == pytest.approx(
        max(epoch.dev for epoch in epochs), abs=1e-3
    )
    with pytest.raises(ValueError, match="not of both"):
        encode_examples([train[0], splits["train"][0]], tokenizer, regression.layout)


def test_a_regression_predicts_all_digits(encoder_folder, tokenizer, splits):
    model = load_sequence_classifier(encoder_folder, 1)
    regression = Classifier(model, sequence_layout(model, tokenizer, 24), ())
    inputs = regression.encode(splits["dev"], tokenizer)
    outputs = SequenceInference(model).outputs(inputs)[:, 0]
    assert [float(value) for value in regression.predict(inputs)] == outputs.tolist()


def test_the_first_best_epoch_is_kept(encoder_folder, tokenizer, splits):
    model = load_sequence_classifier(encoder_folder, 2)
    scores, seen = iter([0.5, 0.7, 0.7, 0.6]), []

    def dev_score():
        seen.append({n: w.clone() for n, w in model.state_dict().items()})
        return next(scores)

    def loss(model, batch, label_smoothing):
        ids = torch.from_numpy(batch.inputs.ids.astype(np.int64))
        return torch.nn.functional.cross_entropy(model(input_ids=ids).logits, batch.labels)

    classifier, _ = fit_classifier(
        encoder_folder, tokenizer, splits["train"], splits["dev"], LABELS, TRAINING, 0, "t"
    )
    inputs = classifier.encode(splits["train"], tokenizer)
    targets = classifier.targets(splits["train"])
    epochs = train_epochs(model, inputs, targets, TRAINING, loss, dev_score, 0, "t")
    assert [epoch.dev for epoch in epochs] == [0.5, 0.7, 0.7, 0.6]
    assert all(torch.equal(w, seen[1][n]) for n, w in model.state_dict().items())


class Interruption(Exception):
    pass


def test_an_interrupted_training_goes_on_after_its_last_step(
    encoder_folder, tokenizer, splits, tmp_path, monkeypatch
):
    monkeypatch.setattr(state, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(state, "SHARE_OF_TIME", float("inf"))
    read = []

    def fit(saving=None, interrupted_at=None):
        read.clear()

        def loss(model, batch, label_smoothing):
            read.append(batch)
            if len(read) == interrupted_at:
                raise Interruption
            return classification_loss(model, batch, label_smoothing)

        monkeypatch.setattr(classify, "classification_loss", loss)
        examples = splits["train"], splits["dev"]
        settings = LABELS, TRAINING, 0, "t", "accuracy", saving
        classifier, epochs = fit_classifier(encoder_folder, tokenizer, *examples, *settings)
        return [w.tolist() for w in classifier.model.state_dict().values()], epochs

    straight = fit()
    steps = len(read) // TRAINING.epochs
    with pytest.raises(Interruption):
        fit(Saving(tmp_path, "a"), 2 * steps + 3)
    assert fit(Saving(tmp_path, "a")) == straight
    assert len(read) == 2 * steps - 2, "the steps of the third epoch are not repeated either"
    assert fit(Saving(tmp_path, "a")) == straight, "a finished training is not repeated"
    assert not read


def test_batches_hold_every_example_once_a_pass(tokenizer, splits, encoder_folder):
    classifier, _ = fit_classifier(
        encoder_folder,
        tokenizer,
        splits["train"],
        splits["dev"],
        LABELS,
        TRAINING.model_copy(update={"epochs": 1}),
        0,
        "t",
    )
    inputs = classifier.encode(splits["train"], tokenizer)
    batches = iter(LabelledBatches(inputs, np.arange(200), 30, seed=0))
    one_pass = [next(batches) for _ in range(7)]
    assert sorted(torch.cat([b.labels for b in one_pass]).tolist()) == list(range(200))
    assert sum(b.tokens(0) for b in one_pass) == inputs.lengths.sum()


def run(folder, output, encoder_folder, wordpiece_folder):
    name = RunName("tiny", "none", "reviews", 0, 3)
    finetune_classifier(
        encoder_folder,
        wordpiece_folder,
        folder,
        FINETUNING,
        False,
        ["accuracy"],
        LONGER.learning_rate,
        name,
        output,
    )
    return read_json(output / "metrics.json"), read_table(output / "predictions.arrow")


def test_a_run_reports_test_and_sees_nothing_of_it(
    review_task, encoder_folder, wordpiece_folder, splits, tmp_path
):
    metrics, predictions = run(review_task, tmp_path / "run", encoder_folder, wordpiece_folder)
    assert metrics["split"] == "test" and metrics["examples"] == 40
    assert metrics["metrics"]["accuracy"] > 0.9
    # The same training whatever the test split holds: the first predictions are the same.
    for split in ("train", "dev"):
        (tmp_path / f"{split}.arrow").symlink_to(review_task / f"{split}.arrow")
    marker = ClassificationExample("marker", "superb marker", None, "negative")
    write_classification_examples(tmp_path / "test.arrow", [*splits["test"], marker])
    marked, marked_predictions = run(tmp_path, tmp_path / "out", encoder_folder, wordpiece_folder)
    assert marked["dev"] == metrics["dev"]
    assert marked_predictions["prediction"][:40] == predictions["prediction"]


def test_the_rate_is_searched_on_dev(review_task, encoder_folder, wordpiece_folder, tmp_path):
    search_classifier(
        encoder_folder,
        wordpiece_folder,
        review_task,
        FINETUNING,
        False,
        "accuracy",
        0,
        "t",
        tmp_path / "search.json",
    )
    search = read_json(tmp_path / "search.json")
    assert search["learning_rate"] == 1e-2  # the other one hardly moves
    assert search["dev"][0]["accuracy"] < search["dev"][1]["accuracy"]


def test_a_label_missing_in_train_is_an_error(encoder_folder, wordpiece_folder, splits, tmp_path):
    for split, some in splits.items():
        kept = [e for e in some if split != "train" or e.label == "positive"]
        write_classification_examples(tmp_path / f"{split}.arrow", kept)
    with pytest.raises(InputError, match="no example of negative"):
        run(tmp_path, tmp_path / "run", encoder_folder, wordpiece_folder)


def test_a_length_that_the_model_cannot_take_is_an_error(encoder_folder, tokenizer, splits):
    training = TRAINING.model_copy(update={"max_length": 25})
    with pytest.raises(InputError, match="max_length: 25 tokens are more than the 24"):
        fit_classifier(
            encoder_folder, tokenizer, splits["train"], splits["dev"], LABELS, training, 0, "t"
        )
