"""A small study on a cluster: run by `snakemake --profile cluster`, disturbed, and looked at."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic, sleep

import psutil
import yaml
from cluster.slurm import SlurmCluster
from support.small_study import small_study, write_sources
from support.study_folder import ROOT

SLOWLY = Path(__file__).parent / "slow_trainings"
PATIENCE = 1200.0
"""Seconds that anything may take, on a machine that others use, too."""

TRAINED = ("models/tiny/facts/rand", "runs/tiny/facts/rand", "tables")
"""What is made by pre-training with a policy and by what follows."""


def tiny_study() -> dict:
    """The small study with one policy, which decides by chance, and one learning rate."""
    study = small_study()
    study["corpora"]["facts"]["shards"] = 1
    study["networks"] = {}
    study["policies"] = {name: study["policies"][name] for name in ("orig-infill-30", "rand")}
    study["intermediate"]["facts"]["steps"] = 60
    study["finetuning"]["default"]["learning_rates"] = [0.01]
    study["tables"] = {"qa": {"model": "tiny", "tasks": ["qa"], "arms": ["none", "rand"]}}
    return study


class Run:
    """Snakemake under way; what it says goes to a file."""

    def __init__(self, command: list[str], study: "ClusterStudy") -> None:
        self._slurm = study.slurm
        self._said = Path(mkdtemp(dir=study.folder), "said")
        with self._said.open("w") as said:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *command],  # it ends with the tests
                cwd=study.folder,
                env=study.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        """What it has said until now."""
        return self._said.read_text()

    def end(self, code: int | None = 0) -> str:
        """Wait for its end, and return all it said."""
        self.process.wait(PATIENCE)
        if code is not None:
            assert self.process.returncode == code, self.said
        return self.said

    def stop(self) -> None:
        """End it, if it has not ended, and all jobs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._slurm.run("scancel", "--user=root")

    def wait(self, condition: Callable[[], object], what: str):
        """What a condition returns, as soon as it is true; Snakemake must not end before."""
        end = monotonic() + PATIENCE
        while not (met := condition()):
            ended = self.process.poll() is not None
            assert monotonic() < end and not ended, f"waited for {what} in vain\n{self.said}"
            sleep(0.5)
        return met


class ClusterStudy:
    """A working directory with Snakefile, configuration and an edited profile."""

    def __init__(self, folder: Path, slurm: SlurmCluster) -> None:
        self.folder, self.slurm = folder, slurm
        self.results = folder / "results" / "config"
        self.slow = folder / "slow"
        paths = [str(SLOWLY), os.environ.get("PYTHONPATH", "")]
        programs = f"{Path(sys.executable).parent}{os.pathsep}{slurm.environment['PATH']}"
        self.environment = (
            os.environ
            | slurm.environment
            | {
                "PATH": programs,
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                "SLOW_WHILE_THERE": str(self.slow),
            }
        )

    def write(self, gpus: int = 0) -> "ClusterStudy":
        """Make the folder; `gpus` for each training, where the profile says one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_sources(self.folder)
        (self.folder / "config.yaml").write_text(yaml.safe_dump(tiny_study()))
        for name in ("Snakefile", "workflow", "profiles"):
            (self.folder / name).symlink_to(ROOT / name)
        shutil.copytree(ROOT / "cluster", self.folder / "cluster")
        # The GPUs of this cluster are none that torch could use.
        self.edit("cluster/config.yaml", "gpu: 1", f"gpu: {gpus}")
        # Nor has it the cores.
        self.edit("cluster/config.yaml", ": 8\n", ": 1\n")
        return self

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a file of it as a user does."""
        path = self.folder / file
        text = path.read_text()
        assert old in text, f"{file} has no {old}"
        path.write_text(text.replace(old, new))

    def without_training(self, folder: Path) -> "ClusterStudy":
        """A copy in which the training of its policy, and what follows from it, is to be done."""
        shutil.copytree(self.folder, folder, symlinks=True, dirs_exist_ok=True)
        copy = ClusterStudy(folder, self.slurm)
        for made in TRAINED:
            shutil.rmtree(copy.results / made)
        copy.slow.touch()
        return copy

    def start(self, *arguments: str) -> Run:
        """Run it on the cluster."""
        return Run(["snakemake", "--profile", "cluster", *arguments], self)

    def here(self, *arguments: str) -> str:
        """Run Snakemake on this machine to its end, and return what it says."""
        return Run(["snakemake", *arguments], self).end()

    def training(self, run: Run) -> str:
        """The number of the Slurm job that trains now, and has saved a state."""
        states = self.results / "states" / "models" / "tiny" / "facts" / "rand"
        run.wait(lambda: list(states.glob("*/*.safetensors")), "a state")
        return run.wait(lambda: self.jobs("pretrain_intermediate", "RUNNING"), "the training")[0]

    def jobs(self, rule: str, state: str = "all") -> list[str]:
        """The numbers of Slurm jobs of a rule, in this folder."""
        lines = self.slurm.run("squeue", "-h", f"--states={state}", "-o", "%i|%k|%Z").splitlines()
        jobs = [line.split("|") for line in lines]
        return [
            number
            for number, comment, folder in jobs
            if comment.startswith(f"rule_{rule}") and folder == str(self.folder)
        ]

    def processes(self) -> list[psutil.Process]:
        """The processes that train now."""
        state = str(Path("states", "models", "tiny", "facts", "rand"))
        return [
            process
            for process in psutil.process_iter(["cmdline", "cwd"])
            if "pretrain" in (process.info["cmdline"] or ())
            and any(state in word for word in process.info["cmdline"])
            and process.info["cwd"] == str(self.folder)
        ]

    def finish(self, run: Run) -> None:
        """Let trainings be fast again, and wait for the end; what follows is made here, where jobs
        start sooner.
        """
        self.slow.unlink()
        run.end()
        self.here("--cores", "2")

    def log(self) -> str:
        """What the last job that trained said of it."""
        log = self.results / "logs" / "pretrain_intermediate" / "tiny" / "facts" / "rand" / "0.log"
        return log.read_text() if log.exists() else ""

    def resumed_at(self) -> int:
        """The step after which the last job went on with the training; 0 if it began anew."""
        found = re.search(r"goes on after step (\d+) of", self.log())
        return int(found[1]) if found else 0

    def weights(self) -> dict[str, bytes]:
        """What pre-training with the policy made, by the paths of the files, but for times."""
        return self._files("models/tiny/facts/rand", "*.safetensors", "manifest.json")

    def made(self) -> dict[str, bytes]:
        """These, and all that follows: predictions, scores and tables."""
        runs = self._files("runs/tiny/facts/rand", "predictions.arrow", "metrics.json")
        return self.weights() | runs | self._files("tables", "*.csv", "*.md", "*.json")

    def _files(self, folder: str, *patterns: str) -> dict[str, bytes]:
        paths = [path for pattern in patterns for path in (self.results / folder).rglob(pattern)]
        assert paths, f"nothing was made in {folder}"
        return {str(path.relative_to(self.results)): path.read_bytes() for path in paths}
