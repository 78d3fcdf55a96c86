"""fairseq as a trainer (Ott et al. 2019): the toolkit of Ye et al. 2021, in a process of its own.

`fairseq-train` reads the pairs that the native trainer would render, 4 bytes a token in the folder
of the state, in the same batches and order, with the same learning rates, Adam, decay and clipping;
with dropout off both trainers have the same losses but for roundings. It trains in single precision
on one device. Its checkpoints, read without running anything in them, are what an interrupted
training goes on from.
"""

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from maskpolicy.artefacts import atomic_path, write_text
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.errors import ArtefactError, Diverged, InputError
from maskpolicy.models.checkpoints import save_model
from maskpolicy.models.fairseq_bart import (
    FairseqCheckpoint,
    fairseq_arguments,
    load_fairseq_weights,
    read_fairseq,
    to_fairseq,
)
from maskpolicy.progress import LossAndSpeed, step_progress
from maskpolicy.randomness import key
from maskpolicy.specs import Spec
from maskpolicy.training.loop import TrainingHistory
from maskpolicy.training.masked_data import MaskedCorpus, Renderer
from maskpolicy.training.pairs import export_pairs, pair_file
from maskpolicy.training.specs import Pretraining
from maskpolicy.training.state import Saving
from maskpolicy.training.trainers.base import (
    Pretrained,
    PretrainingJob,
    family_of,
    refuse_long_rows,
    stop_folder,
)

STEP_MARK = "maskpolicy step "
"""How a line begins in which our plug-in tells of an update."""

PLUG_IN = "maskpolicy_fairseq"
"""The package that fairseq imports."""

SAVE_EVERY = 500
"""Updates, at most, that an interruption costs; of short trainings a twentieth."""

NEVER = 10**9
"""More passes than there are: after so many fairseq may shuffle batches, or save each."""


class FairseqJob(Spec):
    """What the plug-in is told, as JSON."""

    stage: Pretraining
    pairs: list[Path]  # of each pass
    order_seed: int
    weights: Path  # to start from, by fairseq's names
    folder: Path  # of everything that fairseq writes
    vocabulary: int
    bos: int
    pad: int
    eos: int
    unk: int
    decoder_start: int

    @property
    def batch_size(self) -> int:
        """Pairs of an update."""
        return self.stage.batch_size

    @property
    def stops(self) -> tuple[int, ...]:
        """Updates after which the weights are kept."""
        return self.stage.stops

    @property
    def steps_file(self) -> Path:
        """A line of JSON for each update: `step` from 0, `loss` in nats, `tokens` read.

        A training that goes on repeats updates: the later line is true.
        """
        return self.folder / "steps.jsonl"

    def stop_file(self, step: int) -> Path:
        """The weights after one of the stops, by fairseq's names."""
        return self.folder / f"step-{step}.safetensors"


def pretrain_with_fairseq(job: PretrainingJob, saving: Saving) -> Pretrained:
    """Train a BART with fairseq-train. Raises InputError where it can't, or has failed."""
    refuse_without_fairseq()
    family = family_of(job)
    model = family.load(job.checkpoint, job.seed)
    weights = to_fairseq(model, job.checkpoint)
    max_length = family.longest_input(model)
    renderer = Renderer(job.corpus, max_length)
    refuse_long_rows(job, renderer, max_length)

    folder = saving.kept_files / "fairseq"
    folder.mkdir(parents=True, exist_ok=True)
    start = folder / "start.safetensors"
    with atomic_path(start) as temporary:
        save_file(weights, temporary)
    del weights
    exported = _export(job, renderer, max_length, folder)
    del renderer
    tokenizer, config = load_tokenizer(job.corpus.tokenizer), model.config
    told = FairseqJob(
        stage=job.stage,
        pairs=exported,
        order_seed=job.corpus.seed,
        weights=start,
        folder=folder,
        vocabulary=config.vocab_size,
        bos=tokenizer.eos if tokenizer.bos is None else tokenizer.bos,
        pad=tokenizer.pad,
        eos=tokenizer.eos,
        unk=tokenizer.unk,
        decoder_start=config.decoder_start_token_id,
    )
    write_text(folder / "job.json", told.model_dump_json(indent=2) + "\n")

    last = _last_checkpoint(folder)
    if last is None or last[1].updates < job.stage.steps:
        _run(job, told, model, last)
        last = _last_checkpoint(folder)
    if last is None or last[1].updates != job.stage.steps:
        raise InputError(f"{job.title}: fairseq-train ended early; see {_log(folder)}")
    steps = _steps(told)
    losses, tokens = [step["loss"] for step in steps], sum(int(step["tokens"]) for step in steps)
    for stop in job.stage.stops:
        load_fairseq_weights(model, load_file(told.stop_file(stop)), told.stop_file(stop))
        kept = stop_folder(saving.kept_files, stop)
        facts = {"steps": stop, "loss": losses[stop - 1], "lineage": job.lineage(stop)}
        save_model(model, tokenizer, kept, **facts)
    load_fairseq_weights(model, last[1].weights, last[0])
    return Pretrained(model, TrainingHistory.of(losses, tokens))


def refuse_without_fairseq() -> None:
    """Raise InputError where fairseq is not installed, and say how it is."""
    if find_spec("fairseq") is None or find_spec("fairseq_cli") is None:
        raise InputError(
            "trainer: fairseq is not installed: pip install 'maskpolicy[fairseq]', then"
            " pip install --no-deps ve-fairseq"
        )


def _export(job: PretrainingJob, renderer: Renderer, max_length: int, folder: Path) -> list[Path]:
    """The files of the pairs of each pass that the steps take, written unless they are there."""
    corpus, pairs = job.corpus, folder / "pairs"
    passes = _passes(job, renderer)
    if not pairs.exists():
        # A pass beyond the epochs of masks reads them again, with random tokens of its own.
        masks = [corpus.masks[number % len(corpus.masks)] for number in range(passes)]
        export_pairs(replace(corpus, masks=masks), max_length, pairs)
    return [pair_file(pairs, number) for number in range(passes)]


def _passes(job: PretrainingJob, renderer: Renderer) -> int:
    """How many passes over the corpus the steps of the stage take."""
    batches = [
        math.ceil(_pairs(renderer, job.corpus, epoch) / job.stage.batch_size)
        for epoch in range(min(len(job.corpus.masks), job.stage.steps))
    ]
    number = taken = 0
    while taken < job.stage.steps:
        taken += batches[number % len(batches)]
        number += 1
    return number


def _pairs(renderer: Renderer, corpus: MaskedCorpus, epoch: int) -> int:
    if not (number := int(renderer.epoch(epoch).kept.sum())):
        folder = corpus.masks[epoch][0].parent
        raise ArtefactError(f"{folder}: the policy masks nothing in the whole corpus")
    return number


def _last_checkpoint(folder: Path) -> tuple[Path, FairseqCheckpoint] | None:
    """The checkpoint with the most updates that can be read, and where it lies.

    fairseq copies one over another, so an interruption may leave one that is damaged.
    """
    found = []
    for path in (folder / "checkpoints").glob("checkpoint*.pt"):
        try:
            found.append((path, read_fairseq(path)))
        except ArtefactError:
            continue
    return max(found, key=lambda one: one[1].updates, default=None)


def _steps(told: FairseqJob) -> list[dict[str, float]]:
    """What was written down of each update, in order."""
    lines = told.steps_file.read_text().splitlines()
    steps = {}
    for line in lines:
        try:
            step = json.loads(line)
        except ValueError:  # an interruption cut it, and the update was repeated
            continue
        steps[step["step"]] = step
    return [steps[number] for number in range(told.stage.steps)]


def _log(folder: Path) -> Path:
    return folder / "fairseq.log"


def _run(
    job: PretrainingJob,
    told: FairseqJob,
    model: PreTrainedModel,
    last: tuple[Path, FairseqCheckpoint] | None,
) -> None:
    """Run fairseq-train to its end, showing how far it is."""
    restore = [] if last is None else ["--restore-file", str(last[0])]
    command = [sys.executable, "-m", "fairseq_cli.train", *_arguments(job, told, model), *restore]
    done = 0 if last is None else last[1].updates
    speed, latest = LossAndSpeed(), ""
    with (
        step_progress(job.title, job.stage.steps, done) as advance,
        _log(told.folder).open("a") as log,
        # It ends with this process: it can't write into a pipe that nobody reads.
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process,
    ):
        assert process.stdout is not None, "it is a pipe"
        try:
            for line in process.stdout:
                _, mark, step = line.rpartition(STEP_MARK)
                if not mark:
                    log.write(line)
                    latest = line.strip() or latest
                    continue
                read = json.loads(step)
                if not math.isfinite(read["loss"]):
                    raise Diverged(
                        f"{job.title}: the loss is {read['loss']} at step {read['step']};"
                        " lower the learning rate"
                    )
                advance(speed.after(read["loss"], read["tokens"]))
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise InputError(f"{job.title}: fairseq-train failed ({latest}); see {_log(told.folder)}")


def _arguments(job: PretrainingJob, told: FairseqJob, model: PreTrainedModel) -> Iterator[str]:
    """The arguments of fairseq-train."""
    stage, vocabulary = job.stage, told.vocabulary
    plug_in = find_spec(PLUG_IN)
    assert plug_in is not None and plug_in.origin is not None, "it is installed with this package"
    settings = {
        "user-dir": Path(plug_in.origin).parent,
        "task": "masked_pairs",
        "job": told.folder / "job.json",
        "arch": "bart_base",
        **fairseq_arguments(model.config),
        # fairseq shares what it takes from the right token among the others only.
        "criterion": "label_smoothed_cross_entropy",
        "label-smoothing": stage.label_smoothing * (vocabulary - 1) / vocabulary,
        "optimizer": "adam",
        "adam-betas": str(tuple(stage.betas)),
        "adam-eps": 1e-8,
        "weight-decay": stage.weight_decay,
        "clip-norm": stage.clip_norm,
        "lr": stage.learning_rate,
        "lr-scheduler": "as_native",
        "max-update": stage.steps,
        "batch-size": stage.batch_size,
        "required-batch-size-multiple": 1,
        "seed": int(key(job.seed, "fairseq") >> 34),
        "num-workers": 0,
        "distributed-world-size": 1,
        "curriculum": NEVER,  # the batches keep their order
        "save-dir": told.folder / "checkpoints",
        "save-interval": NEVER,
        "save-interval-updates": min(SAVE_EVERY, max(1, stage.steps // 20)),
        "keep-interval-updates": 1,
        "log-format": "simple",
        "log-interval": SAVE_EVERY,
    }
    for name, value in settings.items():
        yield f"--{name.replace('_', '-')}={value}"
    yield from ("--disable-validation", "--no-epoch-checkpoints", "--no-progress-bar")
