"""A Slurm for tests: its daemons run on this machine, as root, on loopback, and leave nothing.

Two nodes of 64 cores, so they think; the first has two GPUs that are device files and no more.
Nothing under /etc is read or written. Needs Debian's `slurmctld slurmd slurm-client munge`.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from time import monotonic, sleep

import psutil

NODES = ("n1", "n2")
GPUS = 2
PROGRAMS = ("munged", "slurmctld", "slurmd", "srun", "sbatch", "squeue", "scontrol")

CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
PlugStackConfig={folder}/plugstack.conf
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=2,sched_interval=2,sched_min_interval=100000
# A job in the partition `urgent` sends others back to the queue.
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmdTimeout=10
InactiveLimit=0
KillWait=5
JobRequeue=1
# What tests ask for afterwards; a site has 300 seconds.
MinJobAge=3600
DefMemPerCPU=100
GresTypes=gpu
NodeName=DEFAULT CPUs=64 CoresPerSocket=64 RealMemory=512000
{nodes}
PartitionName=DEFAULT State=UP MaxTime=2-0
PartitionName=cpu Nodes=ALL Default=YES
PartitionName=gpu Nodes=n1
PartitionName=urgent Nodes=ALL PriorityTier=10
"""


class SlurmCluster:
    """As a context it runs; `environment` is what `sbatch` and whoever calls it need."""

    def __init__(self, folder: Path, port: int) -> None:
        """Its files lie in `folder`. It listens on `port`, its nodes from 184 beyond it."""
        self.folder = folder
        self._port = port
        self._daemons: dict[str, subprocess.Popen] = {}
        self.environment = {
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "SLURM_CONF": str(folder / "slurm.conf"),
        }

    def __enter__(self) -> "SlurmCluster":
        self._configure()
        folder = self.folder
        files = [f"--{of}-file={folder}/munge.{of}" for of in ("key", "log", "pid", "seed")]
        munged = ["munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *files]
        try:
            self._start("munged", [*munged, "--num-threads=2"])
            self._wait(lambda: (folder / "munge.socket").exists(), "munged")
            self._start("slurmctld", ["slurmctld", "-D", "-i"])
            for node in NODES:
                self.start_node(node)
            self.wait_for_nodes()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if "slurmctld" in self._daemons:
                self.run("scancel", "--user=root", check=False)
                self._wait(lambda: not self.run("squeue", "--noheader"), "the jobs to end")
        finally:
            for daemon in reversed(self._daemons.values()):
                daemon.terminate()
                try:
                    daemon.wait(20)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    daemon.wait()

    def run(self, *command: str, check: bool = True) -> str:
        """What a command of Slurm prints."""
        done = subprocess.run(
            command,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def job(self, number: str | int) -> dict[str, str]:
        """What `scontrol show job` says of a job, by its keys."""
        words = self.run("scontrol", "show", "--oneliner", "job", str(number)).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def processes(self, number: str) -> list[psutil.Process]:
        """All of a job, those of Slurm that look after it first."""
        # Another cluster of this machine counts jobs, too.
        ours = {"SLURM_JOB_ID": number, "SLURM_CONF": self.environment["SLURM_CONF"]}
        tasks = [
            process
            for process in psutil.process_iter(["environ"])
            if ours.items() <= (process.info["environ"] or {}).items()
        ]
        steps = {step for task in tasks for step in task.parents() if step.name() == "slurmstepd"}
        return [*steps, *tasks]

    def start_node(self, node: str) -> None:
        """Start the daemon of a node."""
        self._start(node, ["slurmd", "-D", "-N", node])

    def kill_node(self, node: str) -> None:
        """End the daemon of a node by SIGKILL; its jobs live on, as they do elsewhere."""
        self._daemons[node].kill()
        self._daemons[node].wait()

    def wait_for_nodes(self) -> None:
        """Wait until all nodes are free for jobs."""
        self._wait(lambda: all(self.node_is(node, "IDLE") for node in NODES), "the nodes")

    def node_is(self, node: str, state: str) -> bool:
        """Whether a node is IDLE, DOWN, …"""
        said = self.run("scontrol", "show", "--oneliner", "node", node, check=False)
        return f"State={state}" in said and "NOT_RESPONDING" not in said

    def _start(self, name: str, command: Sequence[str]) -> None:
        # They end with the tests, even where those are killed.
        with (self.folder / f"{name}.out").open("a") as output:
            self._daemons[name] = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *command],
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def _wait(self, condition, what: str, seconds: float = 60) -> None:
        end = monotonic() + seconds
        while not condition():
            if monotonic() > end or any(each.poll() is not None for each in self._daemons.values()):
                logs = "\n".join(
                    f"{path}: {path.read_text(errors='replace')[-1000:]}"
                    for path in [*self.folder.glob("*.log"), *self.folder.glob("*.out")]
                )
                raise RuntimeError(f"waited for {what} in vain\n{logs}")
            sleep(0.25)

    def _configure(self) -> None:
        folder = self.folder
        folder.chmod(0o755)
        for name in ("state", "bin", *(f"spool-{node}" for node in NODES)):
            (folder / name).mkdir()
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o600)
        host = os.uname().nodename.partition(".")[0]
        nodes = [
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={self._port + 184 + i}"
            + (f" Gres=gpu:{GPUS}" if node == NODES[0] else "")
            for i, node in enumerate(NODES)
        ]
        (folder / "slurm.conf").write_text(
            CONFIGURATION.format(folder=folder, host=host, port=self._port, nodes="\n".join(nodes))
        )
        # Slurm wants to see the devices: these are further names of /dev/null.
        for i in range(GPUS):
            os.mknod(folder / f"nvidia{i}", 0o20666, os.makedev(1, 3))
        (folder / "gres.conf").write_text(
            f"NodeName={NODES[0]} Name=gpu File={folder}/nvidia[0-{GPUS - 1}]\n"
        )
        (folder / "cgroup.conf").write_text("CgroupAutomount=no\n")
        (folder / "plugstack.conf").touch()
        # Snakemake's plug-in forgets all SLURM_* variables before it calls `srun` within a job.
        # Where the configuration lies in /etc that does no harm.
        srun = folder / "bin" / "srun"
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {which("srun")} "$@"\n')
        srun.chmod(0o755)


def missing_programs() -> list[str]:
    """What of Slurm is not installed."""
    return [program for program in PROGRAMS if which(program) is None]
