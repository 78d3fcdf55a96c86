"""Fine-tuning on a downstream task: the search for its learning rate, and the final runs.

One stage for every family of models: the family reads the task and makes the model that learns it,
and the settings say how it is trained, by steps or by epochs.
"""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.errors import InputError
from maskpolicy.evaluation.predictions import PredictedRun, Predictions, write_predictions
from maskpolicy.evaluation.runs import ExampleStatistics
from maskpolicy.evaluation.search import write_search
from maskpolicy.evaluation.specs import MetricName
from maskpolicy.models import families
from maskpolicy.models.checkpoints import save_model
from maskpolicy.models.families.base import EpochModel, SteppedModel, TaskExample, TaskModel
from maskpolicy.models.specs import Generation
from maskpolicy.training.loop import train
from maskpolicy.training.specs import EncoderFinetuning, EncoderTraining, Finetuning

if TYPE_CHECKING:  # training in epochs loads parts that only encoders need
    from maskpolicy.training.epochs import Epoch
    from maskpolicy.training.state import Saving


@dataclass(frozen=True)
class RunName:
    """Which run it is: one cell of the study."""

    model: str
    policy: str
    task: str
    pretraining_seed: int
    seed: int
    step: int | None = None


@dataclass(frozen=True)
class FinetuneInputs:
    """What every fine-tuning of a stage starts from: folders, and settings."""

    checkpoint: Path
    tokenizer: Path
    task: Path
    finetuning: Finetuning | EncoderFinetuning
    generation: Generation


def search_finetuning(
    inputs: FinetuneInputs, metric: MetricName, seed: int, title: str, output: Path
) -> None:
    """Try every learning rate of the grid, score it on dev, and write all scores and the best.

    Test is never read. Raises InputError as :class:`_Stage`.
    """
    stage = _Stage(inputs, ("train", "dev"))

    def dev_score(rate: float) -> float:
        model = stage.fitted(rate, metric, seed, f"{title}, search lr {rate:g}")
        dev = stage.predicted(model, "dev")
        return ExampleStatistics.of(dev, [metric]).scores[metric]

    scores = {rate: dev_score(rate) for rate in inputs.finetuning.learning_rates}
    write_search(output, metric, scores)


def finetune(
    inputs: FinetuneInputs,
    metric: MetricName,
    learning_rate: float,
    name: RunName,
    output: Path,
) -> None:
    """Fine-tune with one seed, and write the predictions of dev and test, yet to be scored.

    Where dev chooses the epoch it does so by `metric`; nothing is chosen by test. With the setting
    `keep` the model is written too, as a checkpoint of transformers in the folder
    :func:`kept_model` of the run. Raises InputError as :class:`_Stage`.
    """
    stage = _Stage(inputs, ("train", "dev", "test"))
    model = stage.fitted(learning_rate, metric, name.seed, f"{name.policy}, seed {name.seed}")
    predicted = {split: stage.predicted(model, split) for split in ("dev", "test")}
    shutil.rmtree(kept_model(output), ignore_errors=True)  # of a run with other settings
    if inputs.finetuning.keep:
        save_model(model.model.cpu(), stage.tokenizer, kept_model(output), run=asdict(name))
    run = PredictedRun(**asdict(name), decoding=model.decoding, labels=stage.data.labels)
    write_predictions(output, run, predicted)


def kept_model(run: Path) -> Path:
    """Where the model of a run lies, if it was kept."""
    return run / "model"


def fit_steps(
    model: SteppedModel,
    examples: Sequence[TaskExample],
    finetuning: Finetuning,
    learning_rate: float,
    *,
    seed: int,
    title: str,
) -> None:
    """Train a model of a task in place for a number of steps; the last is kept."""
    batches = model.batches(examples, finetuning.batch_size, seed)
    train(
        model.model,
        batches,
        finetuning,
        learning_rate=learning_rate,
        seed=seed,
        title=title,
        step_loss=model.loss,
    )


def fit_epochs(
    model: EpochModel,
    examples: Sequence[TaskExample],
    dev: Sequence[TaskExample],
    training: EncoderTraining,
    *,
    seed: int,
    title: str,
    metric: str = "accuracy",
    saving: "Saving | None" = None,
) -> list["Epoch"]:
    """Train a model of a task in place for a number of epochs; the best on dev by `metric` is kept.

    For `saving` see :func:`train_epochs`.
    """
    from maskpolicy.training.epochs import train_epochs

    dev_inputs = model.encode(dev)

    def dev_score() -> float:
        predicted = _predictions(model, dev, dev_inputs)
        return ExampleStatistics.of(predicted, [metric]).scores[metric]

    return train_epochs(
        model.model,
        model.encode(examples),
        model.targets(examples),
        training,
        step_loss=model.loss,
        dev_score=dev_score,
        seed=seed,
        title=title,
        saving=saving,
    )


def _predictions(model: TaskModel, examples: Sequence[TaskExample], inputs: Any) -> Predictions:
    """What the model says of examples, encoded as `inputs`."""
    return Predictions(
        [example.id for example in examples],
        model.predict(inputs),
        [example.answers for example in examples],
        model.weigh_choices(examples, inputs),
    )


class _Stage:
    """The splits of a task, read once, and a checkpoint that is fine-tuned as often as asked.

    Raises ArtefactError, naming the file, and InputError when the task's splits don't fit together,
    the settings are not the family's, or a length is more than the model takes.
    """

    def __init__(self, inputs: FinetuneInputs, splits: Sequence[str]) -> None:
        self.inputs = inputs
        self.family = families.of_checkpoint(inputs.checkpoint)
        if inputs.finetuning.counts != self.family.traits.finetuning:
            raise InputError(
                f"finetuning: counts {inputs.finetuning.counts}, but {inputs.checkpoint} is"
                f" {self.family.traits.called}, whose fine-tuning counts"
                f" `{self.family.traits.finetuning}`"
            )
        self.tokenizer = load_tokenizer(inputs.tokenizer)
        self.data = self.family.read_task(inputs.task, splits)

    def fitted(self, learning_rate: float, metric: MetricName, seed: int, title: str) -> TaskModel:
        """The checkpoint, trained on the train split."""
        finetuning = self.inputs.finetuning
        examples, dev = self.data.splits["train"], self.data.splits["dev"]
        model = self.family.task_model(
            self.inputs.checkpoint,
            self.tokenizer,
            labels=self.data.labels,
            lengths=finetuning,
            generation=self.inputs.generation,
            seed=seed,
        )
        if finetuning.counts == "steps":
            fit_steps(model, examples, finetuning, learning_rate, seed=seed, title=title)
        else:
            training = finetuning.at(learning_rate)
            fit_epochs(model, examples, dev, training, seed=seed, title=title, metric=metric)
        return model

    def predicted(self, model: TaskModel, split: str) -> Predictions:
        """What the model says of a split."""
        examples = self.data.splits[split]
        return _predictions(model, examples, model.encode(examples))
