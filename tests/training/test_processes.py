"""Several processes take the steps that one would take, and end together."""

import copy
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from support.training import decide, pretraining_corpus

from maskpolicy.corruption.objective import Objective
from maskpolicy.errors import InputError
from maskpolicy.models.batches import InPlaceBatch
from maskpolicy.models.encoder import load_masked_lm
from maskpolicy.models.labels import IGNORED
from maskpolicy.models.losses import masked_lm_loss
from maskpolicy.policies import specs
from maskpolicy.training.data_parallel import DataParallelLearner
from maskpolicy.training.fit import fit
from maskpolicy.training.kept_results import forget_results
from maskpolicy.training.loop import BatchLearner
from maskpolicy.training.pretrain import pretrain
from maskpolicy.training.processes import ALONE, Processes, joined_processes, start_processes
from maskpolicy.training.sharded import ShardedLearner
from maskpolicy.training.specs import Optimisation, Pretraining
from maskpolicy.training.step_log import LOG_NAME
from maskpolicy.training.trainers.base import PretrainingJob

ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}

FAILING = """
import os, sys
from maskpolicy.errors import InputError
from maskpolicy.training.processes import joined_processes
try:
    with joined_processes() as processes:
        assert processes.totals([1, processes.rank]) == [2, 1]
        assert processes.highest(processes.rank) == 1
        if processes.rank == 1:
            if len(sys.argv) > 1:
                os.kill(os.getpid(), 9)
            raise InputError("there is no corpus")
        processes.highest(0)
except InputError as error:
    sys.exit(f"error: {error}")
"""

KEEPING = """
import sys
from pathlib import Path
from maskpolicy.models import families
from maskpolicy.training.processes import joined_processes
from maskpolicy.training.sharded import ShardedLearner
from maskpolicy.training.specs import Optimisation
model = families.of_checkpoint(sys.argv[1]).load(sys.argv[1])
optimisation = Optimisation(steps=1, batch_size=1)
with joined_processes() as processes:
    learner = ShardedLearner(
        processes, "t", model, None,
        optimisation=optimisation, learning_rate=0.1, seed=0, step_loss=None,
    )
    kept = [weight.to_local().numel() for weight in model.parameters()]
    saved = learner.tensors(to_go_on=True)
    counts = sum(kept), sum(weight.numel() for weight in saved.values())
    Path(sys.argv[2], f"rank-{processes.rank}").write_text("{} {}".format(*counts))
"""


class Training:
    """A pre-training of one shard's 40 rows, 13 a step: the last step of a pass has a single one,
    so that a second process has none.
    """

    def __init__(self, materials) -> None:
        self.materials, self.folder = materials, materials.folder
        masks = decide(materials, "rand", specs.RandomTokens(kind="rand", rate=0.3), 2)
        self.objective = Objective(source="token", target="full")
        corpus = pretraining_corpus(materials, [shards[:1] for shards in masks], self.objective)
        corpus = type(corpus)(**vars(corpus) | {"shards": materials.shards[:1]})
        self.stage = Pretraining(
            corpus="c",
            mask_epochs=2,
            steps=40,
            batch_size=13,
            learning_rate=0.01,
            schedule="cosine",
            examples_at_once=5,
            stops=(7,),
        )
        self.job = PretrainingJob(materials.checkpoint, corpus, 1, self.stage, 0, "t")
        self.state = self.folder / "state"

    def alone(self, name):
        """Train by this process, from the state that is there."""
        pretrain(self.job, self.state, self.folder / name)
        forget_results(self.state)  # else the next one, to be compared, would take it
        return self.manifest(name)

    def command(self, name, *, sharded, **changed):
        """The command of two processes, each with the whole model or with a part of it."""
        stage = self.stage.model_copy(update={"shard_parameters": sharded})
        options = {
            "masks": self.folder / "rand",
            "checkpoint": self.materials.checkpoint,
            "tokenizer": self.materials.tokenizer,
            "objective": self.objective.model_dump_json(),
            "copies": 1,
            "stage": stage.model_dump_json(),
            "seed": 0,
            "title": "t",
            "state": self.state,
            "output": self.folder / name,
            "processes": 2,
        }
        given = [f"--{key}={value}" for key, value in (options | changed).items()]
        return [sys.executable, "-m", "maskpolicy.cli", "pretrain", *given, *self.job.corpus.shards]

    def manifest(self, name):
        return json.loads((self.folder / name / "manifest.json").read_text())

    def log(self, name):
        lines = (self.folder / name / LOG_NAME).read_text().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def training(materials):
    return Training(materials)


def run(command, **settings):
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=ENVIRONMENT, **settings
    )


def assert_same(one, other):
    """The same training, but for roundings."""
    np.testing.assert_allclose(other["losses"], one["losses"], atol=2e-4)  # written to 1e-4
    assert other["losses"][0] > other["losses"][-1] + 1, "or there is nothing to compare"
    assert other["tokens"] == one["tokens"]
    assert other["lineage"] == one["lineage"]
    assert other["stops"].keys() == one["stops"].keys()


PROCESSES = pytest.mark.parametrize("sharded", [False, True], ids=["whole", "sharded"])


@PROCESSES
def test_a_state_of_two_processes_that_were_stopped_goes_on_in_one(training, sharded):
    whole = training.alone("whole")
    process = subprocess.Popen(
        training.command("stopped", sharded=sharded),
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    while process.poll() is None and not any(
        path.read_bytes() for path in training.state.glob(f"*/{LOG_NAME}")
    ):
        time.sleep(0.01)  # until ten steps are logged
    process.terminate()
    _, said = process.communicate(timeout=300)
    assert process.returncode == 143, said
    assert said.count("t: stopped by SIGTERM; its state after step ") == 1
    assert "Traceback" not in said
    assert len(list(training.state.glob("*.safetensors"))) == 1
    assert_same(whole, training.alone("stopped"))


@PROCESSES
def test_a_state_of_one_process_goes_on_in_two(training, sharded, monkeypatch):
    whole = training.alone("whole")
    take = BatchLearner.take

    def stopped(self, step):
        if step == 4:
            signal.raise_signal(signal.SIGTERM)
        return take(self, step)

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(BatchLearner, "take", stopped)
        training.alone("two")
    done = run(training.command("two", sharded=sharded))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("t: goes on after step 5 of 40") == 1
    assert done.stderr.count("100%") == 1, "the first process shows it"
    assert "Warning" not in done.stderr
    assert_same(whole, training.manifest("two"))
    alone, two = (training.log(name) for name in ("whole", "two"))
    assert [line["step"] for line in two] == [10, 20, 30, 40]
    assert {line["processes"] for line in two} == {training.manifest("two")["processes"]} == {2}
    norms = [line["gradient_norm"] for line in alone]
    assert max(norms) > 1, "or nothing is clipped"
    assert [line["gradient_norm"] for line in two] == pytest.approx(norms, rel=1e-2)
    assert not list(training.state.glob("*.safetensors"))


def test_a_mistake_that_all_make_is_said_once(training):
    done = run(training.command("two", sharded=False, checkpoint=training.folder / "nowhere"))
    assert done.returncode == 1
    assert done.stderr.count("maskpolicy: error: ") == 1 and "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_where_one_fails_all_end_with_its_message(tmp_path):
    script = tmp_path / "failing.py"
    script.write_text(FAILING)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    failed = run([*command, script], timeout=200)
    assert failed.returncode == 1
    assert failed.stderr.count("error: there is no corpus") == 1
    assert failed.stderr.count("error: ") == 1, failed.stderr
    killed = run([*command, script, "killed"], timeout=200)
    assert killed.returncode == 1
    assert killed.stderr.count("error: one of 2 processes has ended without a word") == 1


def test_parts_of_a_model_are_no_other_training(training):
    """As whatever the number of processes is: states and manifests of one are those of the other,
    and a stage that says nothing of them is what it was.
    """
    job, stage = training.job, training.stage
    sharded = dataclasses.replace(job, stage=stage.model_copy(update={"shard_parameters": True}))
    assert sharded.identity() == job.identity()
    assert sharded.lineage(40) == job.lineage(40)
    assert "shard_parameters" not in stage.model_dump()
    assert Pretraining(**sharded.stage.model_dump()).shard_parameters


def test_each_process_keeps_a_part_of_the_model_and_the_first_one_saves_all(materials, tmp_path):
    script = tmp_path / "keeping.py"
    script.write_text(KEEPING)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = run([*command, script, materials.checkpoint, tmp_path], timeout=200)
    assert done.returncode == 0, done.stderr
    (first, saved), (second, nothing) = (
        map(int, (tmp_path / f"rank-{rank}").read_text().split()) for rank in (0, 1)
    )
    assert first + second == saved and nothing == 0
    assert saved / 2 <= first < saved * 0.52


def test_a_model_that_leaves_out_layers_is_not_shared_out(make_tiny_bart, one_process_group):
    model = make_tiny_bart(encoder_layerdrop=0.1)
    settings = {"optimisation": None, "learning_rate": 0.1, "seed": 0, "step_loss": None}
    with pytest.raises(InputError, match=r"shard_parameters: .*`encoder_layerdrop`"):
        ShardedLearner(ALONE, "t", model, None, **settings)


def test_rows_are_shared_out_whole_and_evenly():
    rows = np.arange(13)
    shares = [Processes(rank, 3).share(rows) for rank in range(3)]
    assert sorted(np.concatenate(shares)) == list(rows)
    assert {len(share) for share in shares} == {4, 5}
    assert [share.mean() for share in shares] == pytest.approx([6, 5.5, 6.5])
    assert (ALONE.share(rows) == rows).all()


def test_one_process_joins_nobody(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")  # as some clusters set it
    with joined_processes() as processes:
        assert processes == ALONE
    start_processes(1)
    assert ALONE.totals([3, 4]) == [3, 4] and ALONE.highest(5) == 5


def test_several_nodes_are_those_of_a_job_of_slurm_and_have_as_many_gpus(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(InputError, match="`nodes: 2`: Slurm starts several, and this is no job"):
        start_processes(0, nodes=2)
    with pytest.raises(InputError, match="5 processes, a GPU each, are not as many on each of 2"):
        start_processes(5, nodes=2)


def test_reading_about_processes_loads_nothing_heavy():
    code = "import sys, maskpolicy.training.processes; print('torch' in sys.modules)"
    assert run([sys.executable, "-c", code]).stdout.strip() == "False"


@pytest.mark.parametrize("several", [DataParallelLearner, ShardedLearner])
def test_what_no_loss_depends_on_is_left_alone(several, make_encoder_folder, one_process_group):
    """As the pooler that a masked LM keeps for the classifiers that are made of it."""
    model = load_masked_lm(make_encoder_folder("bert"))
    torch.manual_seed(0)
    model.base_model.pooler = torch.nn.Linear(16, 16)
    other = copy.deepcopy(model)
    source = torch.randint(5, 20, (6, 8))
    batches = [InPlaceBatch(source, source.where(source > 12, IGNORED))] * 5
    settings = {
        "optimisation": Optimisation(steps=5, batch_size=6),
        "learning_rate": 0.01,
        "seed": 0,
        "step_loss": masked_lm_loss,
        "examples_at_once": 4,
    }
    alone = BatchLearner("t", model, lambda step: iter(batches[step:]), **settings)
    parallel = several(ALONE, "t", other, lambda step: iter(batches[step:]), **settings)
    fit(alone)
    fit(parallel)
    assert parallel.losses == pytest.approx(alone.losses, rel=1e-6)
    assert parallel.tokens == alone.tokens
    weights = dict(model.named_parameters())
    for name, weight in parallel.whole_model().named_parameters():
        torch.testing.assert_close(weight, weights[name], msg=name)
