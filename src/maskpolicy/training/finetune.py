"""Fine-tuning on a downstream task: the search for its settings, and the final runs.

One stage for every family of models: the family reads the task and makes the model that learns it,
and the settings say how it is trained.
"""

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from maskpolicy.artefacts import atomic_path
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.errors import Diverged
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.evaluation.predictions import (
    NamedRun,
    PredictedRun,
    Predictions,
    predicted_run,
    vouch_for,
    write_predictions,
)
from maskpolicy.evaluation.runs import ExampleStatistics
from maskpolicy.evaluation.search import Setting, search
from maskpolicy.evaluation.specs import MetricName
from maskpolicy.models import families
from maskpolicy.models.checkpoints import lineage_of, save_model
from maskpolicy.models.families.base import TaskExample, TaskModel
from maskpolicy.models.specs import Generation
from maskpolicy.pretrained import files_of
from maskpolicy.training.kept_results import KeptResult
from maskpolicy.training.specs import Finetuning, Training
from maskpolicy.training.state import Saving, State, fingerprint
from maskpolicy.training.step_log import LOG_NAME, StepLog
from maskpolicy.training.validation import Validation, train_validated


@dataclass(frozen=True)
class FinetuneInputs:
    """What every fine-tuning of a stage starts from: folders, and settings."""

    checkpoint: Path
    tokenizer: Path
    task: Path
    finetuning: Finetuning
    generation: Generation


def search_finetuning(
    inputs: FinetuneInputs, metric: MetricName, seed: int, title: str, *, state: Path, output: Path
) -> None:
    """Try the settings of the grid, score them on dev, and write all scores and the best.

    Dev is decoded greedily, whatever final runs are decoded with. Test is never read. An
    interrupted search goes on from the folder `state` after the last step that it saved. There it
    leaves what it trained with the best setting, so that the run with `seed` need not train it
    again. Raises InputError as :class:`_Stage`, and Diverged where all settings do.
    """
    stage = _Stage(inputs, ("train", "dev"), metric)
    grid = stage.finetuning.grid
    for setting in grid.every:
        stage.training(setting)  # refused before an hour went into another one
    kept = KeptResult(state, stage.identity("search", seed))
    if kept.take(output, title):
        return
    with Saving(state, kept.fingerprint) as saving:
        before = saving.load()
        # Of settings that diverged what was said of it.
        scores: dict[str, float | str] = before.facts["scores"] if before else {}
        tried: dict[Setting, Saving] = {}

        def score_of(setting: Setting) -> float:
            score = scores[tried[setting].fingerprint]
            return score if isinstance(score, float) else -inf

        def dev_score(setting: Setting) -> float:
            training = stage.training(setting)
            part = tried[setting] = stage.saving(training, seed, state)
            if part.fingerprint not in scores:
                named = f"{title}, search {_named(setting)}"
                try:
                    model = stage.fitted(training, seed, named, part)
                    scores[part.fingerprint] = stage.dev_score(model)
                except Diverged as error:
                    scores[part.fingerprint] = str(error)
                saving.save(State({}, {"scores": scores}))
            best = max(tried, key=score_of)  # of equals the first
            for setting in tried.keys() - {best}:
                tried[setting].forget()
            if isinstance(score := scores[part.fingerprint], str):
                raise Diverged(score)
            return score

        found = search(grid, metric, dev_score)
        found.model_copy(update={"decoding": stage.searched_decoding}).write(output)
        kept.keep(output)
    for setting in tried.keys() - {found.setting}:
        tried[setting].forget()


def finetune(
    inputs: FinetuneInputs,
    metric: MetricName,
    setting: Setting,
    runs: Mapping[Path, NamedRun],
    *,
    state: Path,
) -> None:
    """Fine-tune for each of `runs`, by the folder it is written to: the predictions of dev and
    test, yet to be scored.

    They are one after another in one process, which takes as long to start as a small model to
    learn, and none depends on the others: a run whose predictions are there, made of the same
    settings and inputs, is kept, whether an earlier call came to its end or not. Where dev chooses
    the weights it does so by `metric`; nothing is chosen by test. With the setting `keep` the model
    is written too, as a checkpoint of transformers in the folder :func:`kept_model` of the run. An
    interruption of any of the runs is gone on from in the folder `state`, if settings and inputs
    are the same. The log of a run's steps lies beside its predictions. Raises InputError as
    :class:`_Stage`.
    """
    stage = _Stage(inputs, ("train", "dev", "test"), metric)
    training = stage.training(setting)
    predicted: dict[Path, PredictedRun] = {}
    for output, name in runs.items():
        saving = stage.saving(training, name.seed, state)
        made_of = fingerprint(
            [saving.fingerprint, name.model_dump(), inputs.finetuning.keep],
            [inputs.task / "test.arrow"],
        )
        title = f"{name.policy}, seed {name.seed}"
        kept = kept_model(output)
        there = predicted_run(output)
        if there and there.fingerprint == made_of and kept.exists() == inputs.finetuning.keep:
            print(f"{title}: its predictions are there, and kept", file=sys.stderr)
            predicted[output] = there
            saving.forget()
            continue
        model = stage.fitted(training, name.seed, title, saving)
        splits = {split: stage.predicted(model, split) for split in ("dev", "test")}
        shutil.rmtree(kept, ignore_errors=True)  # of a run with other settings
        if inputs.finetuning.keep:
            settings = training.model_dump(mode="json", exclude_none=True)
            tuned = {"stage": "fine-tuning", "task": name.task, "seed": name.seed, **settings}
            save_model(
                model.model.cpu(),
                stage.tokenizer,
                kept,
                run=name.model_dump(),
                lineage=[*lineage_of(inputs.checkpoint), tuned],
            )
        if (log := saving.kept_files / LOG_NAME).exists():
            with atomic_path(output / LOG_NAME) as temporary:
                shutil.copy(log, temporary)
        run = predicted[output] = PredictedRun(
            **name.model_dump(),
            decoding=model.decoding,
            labels=stage.data.labels,
            fingerprint=made_of,
        )
        write_predictions(output, run, splits)
        saving.forget()
    # Snakemake knows of the manifests alone, and removes those of a job that fails.
    for output, run in predicted.items():
        vouch_for(output, run)


def kept_model(run: Path) -> Path:
    """Where the model of a run lies, if it was kept."""
    return run / "model"


def fit_task(
    model: TaskModel,
    examples: Sequence[TaskExample],
    dev: Sequence[TaskExample],
    training: Training,
    *,
    seed: int,
    title: str,
    metric: MetricName = "accuracy",
    saving: Saving | None = None,
    finish: bool = False,
    log: StepLog | None = None,
) -> list[Validation]:
    """Train a model of a task in place; where dev is scored on the way, by `metric`, the best
    weights are kept.

    For `saving`, `finish` and `log` see :func:`train_validated`.
    """
    quick = model.quick()
    dev_inputs = quick.encode(dev) if training.validate_every else None

    def dev_score() -> float:
        return _score(quick, dev, dev_inputs, metric)

    return train_validated(
        model.model,
        model.batches(examples, training.optimisation.batch_size, seed),
        training,
        step_loss=model.loss,
        dev_score=dev_score,
        seed=seed,
        title=title,
        saving=saving,
        finish=finish,
        log=log,
    )


def _predictions(
    model: TaskModel,
    examples: Sequence[TaskExample],
    inputs: Any,
    *,
    decoded: bool = True,
    weighed: bool = True,
) -> Predictions:
    """What the model says of examples, encoded as `inputs`: texts if they are to be `decoded`, and
    the likelihoods of choices if those are to be `weighed`.
    """
    return Predictions(
        [example.id for example in examples],
        model.predict(inputs) if decoded else [""] * len(examples),
        [example.answers for example in examples],
        model.weigh_choices(examples, inputs) if weighed else (),
    )


def _score(
    model: TaskModel, examples: Sequence[TaskExample], inputs: Any, metric: MetricName
) -> float:
    """By a metric, for which no more is computed than it reads."""
    decoded = find_metric(metric).decoded
    predictions = _predictions(model, examples, inputs, decoded=decoded, weighed=not decoded)
    return ExampleStatistics.of(predictions, [metric]).scores[metric]


def _named(setting: Setting) -> str:
    """A setting in the words of a progress bar."""
    words = [f"lr {setting.learning_rate:g}"]
    words += [f"{setting.steps:,} steps"] if setting.steps else []
    words += [f"batches of {setting.batch_size}"] if setting.batch_size else []
    return ", ".join(words)


class _Stage:
    """The splits of a task, read once, and a checkpoint that is fine-tuned as often as asked.

    Raises ArtefactError, naming the file, and InputError when the task's splits don't fit together,
    the settings are not the family's, or a length is more than the model takes.
    """

    def __init__(self, inputs: FinetuneInputs, splits: Sequence[str], metric: MetricName) -> None:
        self.inputs = inputs
        self.metric = metric
        self.family = families.of_checkpoint(inputs.checkpoint)
        self.finetuning = inputs.finetuning.of(self.family.name)
        self.tokenizer = load_tokenizer(inputs.tokenizer)
        self.data = self.family.read_task(inputs.task, splits)

    def training(self, setting: Setting) -> Training:
        """The fine-tuning with one of its settings."""
        return self.finetuning.at(setting, len(self.data.splits["train"]))

    def identity(self, what: Any, seed: int) -> str:
        """The fingerprint of a fine-tuning, or of the search: of all that its result depends on."""
        read = {"source_length", "target_length", "max_length", "dropout"}
        settings = [
            what,
            self.finetuning.model_dump(include=read),
            self.inputs.generation.model_dump(),
            self.metric,
            self.data.labels,
            seed,
        ]
        files = [*files_of(self.inputs.checkpoint), self.inputs.tokenizer / "tokenizer.json"]
        files += [self.inputs.task / f"{split}.arrow" for split in ("train", "dev")]
        return fingerprint(settings, files)

    def saving(self, training: Training, seed: int, folder: Path) -> Saving:
        """What keeps the state of one fine-tuning, which is that of a search or of a run alike."""
        return Saving(folder, self.identity(training.model_dump(), seed))

    def model(self, seed: int) -> TaskModel:
        """The checkpoint, ready to learn the task."""
        return self.family.task_model(
            self.inputs.checkpoint,
            self.tokenizer,
            labels=self.data.labels,
            lengths=self.finetuning,
            generation=self.inputs.generation,
            seed=seed,
            dropout=self.finetuning.dropout,
        )

    def fitted(self, training: Training, seed: int, title: str, saving: Saving) -> TaskModel:
        """The checkpoint, trained on the train split; `saving` has its end, too."""
        examples, dev = self.data.splits["train"], self.data.splits["dev"]
        model = self.model(seed)
        fit_task(
            model,
            examples,
            dev,
            training,
            seed=seed,
            title=title,
            metric=self.metric,
            saving=saving,
            finish=True,
            log=StepLog(saving.kept_files / LOG_NAME),
        )
        return model

    @property
    def searched_decoding(self) -> str | None:
        """How dev is decoded while there is a choice, where that is not how a run is."""
        if self.family.traits.task != "seq2seq":
            return None
        greedy = self.inputs.generation.greedy.signature
        return greedy if greedy != self.inputs.generation.signature else None

    def dev_score(self, model: TaskModel) -> float:
        """By which settings are chosen."""
        quick, examples = model.quick(), self.data.splits["dev"]
        return _score(quick, examples, quick.encode(examples), self.metric)

    def predicted(self, model: TaskModel, split: str) -> Predictions:
        """What the model says of a split."""
        examples = self.data.splits[split]
        return _predictions(model, examples, model.encode(examples))
