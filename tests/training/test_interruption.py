"""A training that a signal asks to stop saves its state, and ends bit for bit as any other."""

import signal
import subprocess
import sys
import time

import pytest
import torch
from support.training import decide, finetune_once, pretraining_corpus

from maskpolicy.corruption.objective import Objective
from maskpolicy.evaluation.predictions import NamedRun
from maskpolicy.evaluation.search import Setting
from maskpolicy.models.specs import Generation
from maskpolicy.policies import specs
from maskpolicy.sources.base import Example
from maskpolicy.tasks.seq2seq import write_examples
from maskpolicy.training.finetune import FinetuneInputs
from maskpolicy.training.fit import Learner, fit
from maskpolicy.training.interruption import Request
from maskpolicy.training.kept_results import forget_results
from maskpolicy.training.pretrain import pretrain
from maskpolicy.training.specs import Finetuning, Pretraining
from maskpolicy.training.state import Saving, State
from maskpolicy.training.step_log import LOG_NAME
from maskpolicy.training.trainers.base import PretrainingJob
from maskpolicy.training.validation import ValidatedLearner

HANDLERS = [signal.SIGTERM, signal.SIGUSR1]


class Toy(Learner):
    """Six steps, in one of which a signal comes."""

    def __init__(self, asked=None, at=None):
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 1)
        super().__init__("toy", model, torch.optim.Adam(model.parameters(), lr=0.1), 6)
        self.asked, self.at, self.taken, self.handlers = asked, at, [], []

    def take(self, step):
        self.handlers = [signal.getsignal(number) for number in HANDLERS]
        if step == self.at:
            signal.raise_signal(self.asked)
        torch.manual_seed(step)
        self.model(torch.randn(4, 3)).square().mean().backward()
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.taken.append(step)
        return ""

    def memory(self):
        return State({}, {})

    def recall(self, memory):
        pass


@pytest.mark.parametrize("at", [0, 3, 5])
@pytest.mark.parametrize(
    ("asked", "status"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 138)], ids=["TERM", "USR1"]
)
def test_it_ends_its_step_saves_and_goes_on(tmp_path, capsys, asked, status, at):
    straight, stopped, resumed = Toy(), Toy(asked, at), Toy()
    fit(straight)
    before = [signal.getsignal(number) for number in HANDLERS]
    with pytest.raises(SystemExit) as end, Saving(tmp_path / "state", "a") as saving:
        fit(stopped, saving)
    assert end.value.code == status and stopped.taken == list(range(at + 1))
    assert (
        f"toy: stopped by {asked.name}; its state after step {at + 1} of 6 is saved, and the same"
        " command goes on from there\n"
    ) in capsys.readouterr().err
    assert [signal.getsignal(number) for number in HANDLERS] == before
    with Saving(tmp_path / "state", "a") as saving:
        fit(resumed, saving)
    assert resumed.taken == list(range(at + 1, 6))
    assert torch.equal(resumed.model.weight, straight.model.weight)


def test_without_a_state_to_save_signals_do_what_they_always_do():
    learner = Toy()
    before = [signal.getsignal(number) for number in HANDLERS]
    fit(learner)
    assert learner.handlers == before


def test_a_closed_standard_error_does_not_keep_it_from_saving(tmp_path, monkeypatch):
    """Who kills a pipeline kills the reader of its output too."""

    class Closed:
        def write(self, text):
            raise BrokenPipeError

        def flush(self):
            raise BrokenPipeError

        def isatty(self):
            return False

    monkeypatch.setattr("sys.stderr", Closed())
    saving = Saving(tmp_path, "a")
    with pytest.raises(SystemExit):
        fit(Toy(signal.SIGTERM, 5), saving)  # the last step, of which a line is due
    assert saving.load().facts["steps"] == 6


def test_a_pre_training_that_is_terminated_ends_as_an_undisturbed_one(materials, tmp_path):
    masks = decide(materials, "rand", specs.RandomTokens(kind="rand", rate=0.3), 2)
    objective = Objective(source="token", target="full")
    stage = Pretraining(
        corpus="c",
        mask_epochs=2,
        steps=150,
        batch_size=8,
        learning_rate=0.01,
        schedule="cosine",
        examples_at_once=5,
        stops=(7,),
    )
    whole, output, state = tmp_path / "whole", tmp_path / "stopped", tmp_path / "state"
    corpus = pretraining_corpus(materials, masks, objective)
    job = PretrainingJob(materials.checkpoint, corpus, 1, stage, 0, "t")
    pretrain(job, state, whole)
    forget_results(state)
    options = {
        "masks": tmp_path / "rand",
        "checkpoint": materials.checkpoint,
        "tokenizer": materials.tokenizer,
        "objective": objective.model_dump_json(),
        "copies": 1,
        "stage": stage.model_dump_json(),
        "seed": 0,
        "title": "t",
        "state": state,
        "output": output,
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "maskpolicy.cli", "pretrain", *arguments, *materials.shards]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not any(p.read_bytes() for p in state.glob(f"*/{LOG_NAME}")):
        time.sleep(0.01)  # until ten steps are logged
    process.terminate()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 143, said
    assert "t: stopped by SIGTERM; its state after step " in said
    assert not output.exists() and list(state.glob("*.safetensors"))
    pretrain(job, state, output)
    for name in ("manifest.json", "model.safetensors", "step-7/model.safetensors"):
        assert (output / name).read_bytes() == (whole / name).read_bytes()
    assert not list(state.glob("*.safetensors"))


def test_a_fine_tuning_that_is_terminated_ends_as_an_undisturbed_one(
    materials, tmp_path, monkeypatch
):
    for split in ("train", "dev", "test"):
        examples = [
            Example(f"{split}/{i}", "", f"is land {i} green?", answer, (answer,))
            for i, answer in enumerate(["yes", "no"] * 8)
        ]
        write_examples(tmp_path / "task" / f"{split}.arrow", examples)
    finetuning = Finetuning(
        steps=8,
        validate_every=4,
        batch_size=4,
        source_length=24,
        target_length=12,
        learning_rates=(0.01,),
        schedule="wsd",
        decay=0.5,
    )
    inputs = FinetuneInputs(
        materials.checkpoint, materials.tokenizer, tmp_path / "task", finetuning, Generation()
    )

    def run(name):
        places = {"state": tmp_path / "state", "output": tmp_path / name}
        run_name = NamedRun(model="tiny", policy="rand", task="qa", pretraining_seed=0, seed=1)
        finetune_once(inputs, "exact_match", Setting(0.01), run_name, **places)
        return {
            path.name: path.read_bytes()
            for path in places["output"].iterdir()
            if path.is_file() and path.name != LOG_NAME  # which says how fast it was
        }

    whole = run("whole")
    take = ValidatedLearner.take
    taken = []

    def terminated(self, step):
        taken.append(step)
        if len(taken) == 6:
            signal.raise_signal(signal.SIGTERM)
        return take(self, step)

    monkeypatch.setattr(ValidatedLearner, "take", terminated)
    with pytest.raises(SystemExit) as end:
        run("stopped")
    assert end.value.code == 143
    assert run("stopped") == whole
    assert taken == list(range(8)), "no step was taken twice"


def test_a_signal_that_comes_while_processes_agree_is_not_lost():
    request = Request()

    class Processes:
        def highest(self, number):
            request.note(signal.SIGTERM, None)
            return number

    assert not request.agree(Processes())
    assert request.asked == signal.SIGTERM  # for the next step
    assert request.agree(Processes())
