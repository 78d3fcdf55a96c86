"""Kill trainings at random moments, begin each again until it ends, and compare what it made.

The commands are those that rules run; they and the processes that they started get SIGKILL, so
nothing can be tidied up. Half of the moments are a random share of the time that the command takes
undisturbed, so that some are before the first state, some while results are written. The others are
a random time after the first state was saved, as half of such a short training is its start. A
third of the trials kill a second time. A trial passes if

- every file that the training made has the bytes of an undisturbed training (but for the log
  training.jsonl, which holds times),
- it went on from its state wherever there was one, as its output must say,
- and nothing is left that an undisturbed training does not leave: no state, no half-written file.

`make kill-test`, or with another number of kills or seed:
`PYTHONPATH=tests .venv/bin/python tests/kill/kill_trainings.py --kills 100 --seed 7`
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import psutil
from safetensors import safe_open
from support.training import decide, training_materials

from maskpolicy.evaluation.search import Setting, only_setting
from maskpolicy.models.initialise import initialise_model
from maskpolicy.models.specs import BartArchitecture, Seq2SeqModel
from maskpolicy.policies.specs import RandomTokens
from maskpolicy.sources.base import Example
from maskpolicy.tasks.seq2seq import write_examples
from maskpolicy.training.step_log import LOG_NAME

OFTEN = Path(__file__).with_name("often.py")
# Threads that wait for each other slow tiny models down a hundredfold on a busy machine.
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}
WENT_ON = re.compile(r": goes on after step ([\d,]+) of")

Command = Callable[[Path], list[str]]
"""The folder of a trial -> the arguments that make `output` there, with a state in `state`."""


@dataclass(frozen=True)
class Result:
    """What a command made: its files, what else it left, and how long it took."""

    files: dict[str, bytes]
    left: list[str]
    seconds: float


def commands(folder: Path) -> dict[str, Command]:
    """The trainings by name, on materials that are made in `folder`."""
    tiny = BartArchitecture(
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        attention_heads=2,
        ffn_dim=64,
        dropout=0.1,
        max_positions=64,
    )
    materials = training_materials(
        folder, lambda tokenizer, checkpoint: _initialise(tiny, tokenizer, checkpoint)
    )
    decide(materials, "rand", RandomTokens(kind="rand", rate=0.3), 2)
    for split in ("train", "dev", "test"):
        examples = [
            Example(
                f"{split}/{i}",
                f"The capital of land {i} is town {i * 7 % 40}.",
                f"What is the capital of land {i}?",
                f"town {i * 7 % 40}",
                (f"town {i * 7 % 40}",),
            )
            for i in range(40)
        ]
        write_examples(folder / "task" / f"{split}.arrow", examples)
    only_setting(Setting(0.01), "token_f1").write(folder / "search.json")
    read = [f"--checkpoint={materials.checkpoint}", f"--tokenizer={materials.tokenizer}"]
    task = f"--task={folder / 'task'}"

    def command(
        name: str, *arguments: object, written: Sequence[str] = ("--output={}",), **records: object
    ) -> Command:
        given = [f"--{key}={json.dumps(record)}" for key, record in records.items()]
        before = [name, *read, *map(str, arguments), *given]

        def of(trial: Path) -> list[str]:
            outputs = [option.format(trial / "output") for option in written]
            return [*before, f"--state={trial / 'state'}", *outputs]

        return of

    finetuning = {
        "steps": 100,
        "validate_every": 25,
        "batch_size": 8,
        "source_length": 24,
        "target_length": 12,
        "learning_rates": [0.01],
        "examples_at_once": 5,
    }
    grid = {"steps": 60, "validate_every": 30, "learning_rates": [0.003, 0.01]}
    policy = {"model": "m", "task": "towns"}

    def pretraining(processes: int) -> Command:
        return command(
            *("pretrain", "--copies=1", "--seed=0", "--title=rand", f"--masks={folder / 'rand'}"),
            *(f"--processes={processes}", *materials.shards),
            objective={"source": "token", "target": "full"},
            stage={
                "corpus": "c",
                "mask_epochs": 2,
                "steps": 200,
                "batch_size": 8,
                "learning_rate": 0.005,
                "schedule": "cosine",
                "examples_at_once": 5,
                "stops": [50, 150],
            },
        )

    return {
        "pre-training": pretraining(1),
        "… by two processes": pretraining(2),
        "supervised policy": command(
            *("train-policy", task, "--seed=0", "--title=towns"),
            training=policy
            | {"method": "supervised", "epochs": 60, "batch_size": 8, "learning_rate": 0.01},
        ),
        "meta policy": command(
            *("train-policy", task, "--seed=0", "--title=towns"),
            training=policy
            | {
                "method": "meta",
                "steps": 30,
                "batch_size": 4,
                "evaluations": 10,
                "dev_examples": 8,
            },
        ),
        "search of fine-tuning": command(
            *("search-finetuning", task, "--seed=0", "--metric=token_f1", "--title=rand"),
            finetuning=finetuning | grid,
            generation={"max_length": 8},
        ),
        "fine-tuning": command(
            *("finetune", task, "--metric=token_f1", f"--search={folder / 'search.json'}"),
            *("--model-name=m", "--policy=rand", "--task-name=towns", "--pretraining-seed=0"),
            written=("--run=0={}/seed-0", "--run=1={}/seed-1"),
            finetuning=finetuning | {"keep": True},
            generation={"max_length": 8},
        ),
    }


def _initialise(architecture: BartArchitecture, tokenizer: Path, checkpoint: Path) -> None:
    model = Seq2SeqModel(family="seq2seq", tokenizer="t", architecture=architecture)
    initialise_model(model, tokenizer, 0, checkpoint)


def undisturbed(command: Command, folder: Path) -> Result:
    """Run a command to its end."""
    started = monotonic()
    run(command(folder), folder, None)
    return Result(_made(folder), _left(folder), monotonic() - started)


def run(
    arguments: list[str], folder: Path, seconds: float | None, *, saved: bool = False
) -> str | None:
    """Run a command and return what it said, or kill it after so many seconds: then None.

    They count from its start, or from when it has `saved` a state.
    """
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(
            [sys.executable, OFTEN, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=said,
            cwd=folder,
            env=ENVIRONMENT,
        )
        while saved and process.poll() is None and not any(_states(folder)):
            sleep(0.01)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            started = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            for each in started:
                with suppress(psutil.NoSuchProcess):
                    each.kill()
            psutil.wait_procs(started)
            process.wait()
        if process.returncode == -signal.SIGKILL:
            return None
        said.seek(0)
        if process.returncode:
            sys.exit(f"{arguments[0]} failed:\n{said.read()}")
        return said.read()


def _made(folder: Path) -> dict[str, bytes]:
    """The files of the output but for the log, by their names."""
    output = folder / "output"
    files = [path for path in output.rglob("*") if path.is_file()] if output.is_dir() else [output]
    return {
        str(path.relative_to(output)): path.read_bytes() for path in files if path.name != LOG_NAME
    }


def _states(folder: Path) -> Iterator[Path]:
    return (folder / "state").glob("*.safetensors")


def _saved_steps(folder: Path) -> set[int]:
    """After which steps states of trainings that are not at their end were saved."""
    steps = set()
    for path in _states(folder):
        with safe_open(path, framework="np") as file:
            if any(name.startswith("optimiser/") for name in file.keys()):  # noqa: SIM118
                steps.add(json.loads(file.metadata()["facts"])["steps"])
    return steps


def _left(folder: Path) -> list[str]:
    """What else there is: states by their names, and what should not be there."""
    others = [
        path.name for path in folder.iterdir() if path.name not in ("output", "said", "state")
    ]
    return sorted([*others, *{path.stem for path in folder.glob("state/*")}])


def trial(command: Command, whole: Result, folder: Path, chance: random.Random) -> tuple[str, str]:
    """Kill a command once or twice and run it to its end: what is wrong, and what was done."""
    done: list[str] = []
    said = None
    for _ in range(2 if chance.random() < 1 / 3 else 1):
        after_state = chance.random() < 1 / 2
        moment = chance.random() * whole.seconds * (0.3 if after_state else 1)
        saved = _saved_steps(folder)
        said = run(command(folder), folder, moment, saved=after_state)
        if said is not None:  # it was faster than the undisturbed one
            break
        since = "after its first state" if after_state else f"of {whole.seconds:.1f}"
        done.append(f"killed {moment:.1f} s {since}")
    anew = "begins anew"
    if said is None:
        saved = _saved_steps(folder)
        if not saved and (folder / "output").exists():
            anew = "begins anew, as it was about to end"
        said = run(command(folder), folder, None) or ""
    if not done:  # again, from the beginning
        shutil.rmtree(folder)
        folder.mkdir()
        return trial(command, whole, folder, chance)
    steps = {int(step.replace(",", "")) for step in WENT_ON.findall(said)}
    done += [f"goes on after step {step:,}" for step in steps] or [anew]
    problems = []
    if saved != steps:
        problems.append(f"its state was of step {saved}")
    made = _made(folder)
    if different := sorted(
        name for name in whole.files.keys() | made.keys() if whole.files.get(name) != made.get(name)
    ):
        problems.append(f"different: {', '.join(different)}")
    if (left := _left(folder)) != whole.left:
        problems.append(f"left behind: {', '.join(left)}")
    return "; ".join(problems), ", ".join(done)


def main() -> None:
    """Kill, and say how it went."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, help="trials, over all trainings in turn")
    parser.add_argument("--only", help="one training, by its name")
    parser.add_argument("--seed", type=int, help="of the moments; drawn where it isn't given")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    chance = random.Random(seed)
    print(f"--kills {options.kills} --seed {seed}", flush=True)
    passed = went_on = 0
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        trainings = {n: c for n, c in commands(folder).items() if options.only in (None, n)}
        wholes: dict[str, Result] = {}
        for number in range(options.kills):
            name = list(trainings)[number % len(trainings)]
            if name not in wholes:
                (at := folder / f"whole-{len(wholes)}").mkdir()
                wholes[name] = undisturbed(trainings[name], at)
            (at := folder / f"trial-{number}").mkdir()
            wrong, done = trial(trainings[name], wholes[name], at, chance)
            print(f"{number + 1:>3} {name:<22} {done}: {wrong or 'identical'}", flush=True)
            passed += not wrong
            went_on += "goes on" in done
            shutil.rmtree(at)
    print(
        f"{passed} of {options.kills} bit-identical; {went_on} went on from a saved state, as all"
        " that had one"
    )
    sys.exit(passed < options.kills)


if __name__ == "__main__":
    main()
