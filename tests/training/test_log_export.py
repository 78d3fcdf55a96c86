"""Logs of trainings as programs that show curves want them."""

import json
import sys
from functools import partial
from types import ModuleType, SimpleNamespace

import pytest

from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.training.log_export import export_logs
from maskpolicy.training.step_log import LOG_NAME

LINES = [
    {"step": 10, "loss": 2.5, "tokens": 640, "device": "cpu"},
    {"step": 10, "dev": 0.5},
    {"step": 20, "loss": 2},
]


@pytest.fixture
def results(tmp_path):
    """Of a finished training, and of one that is under way and writes a line."""
    for place, end in (("models/m/s/ssm/seed-0", ""), ("states/runs/1/abc", '{"step": 30, "lo')):
        log = tmp_path / "results/study" / place / LOG_NAME
        log.parent.mkdir(parents=True)
        log.write_text("".join(json.dumps(line) + "\n" for line in LINES) + end)
    kept = tmp_path / "results/study/states/models/0" / f"{'a' * 32}.result" / "seed-0" / LOG_NAME
    kept.parent.mkdir(parents=True)  # of a finished training: it would be shown twice
    kept.write_text((tmp_path / "results/study/models/m/s/ssm/seed-0" / LOG_NAME).read_text())
    return tmp_path / "results/study"


NAMES = ["models/m/s/ssm/seed-0", "states/runs/1/abc"]


class Trackio(ModuleType):
    """As much of trackio as is called, with a run of the same name from before."""

    def __init__(self):
        super().__init__("trackio")
        self.runs = [("study", NAMES[0], [(1, {"old": 1.0})]), ("study", "other", [])]

    def Api(self):
        def all_of(project):
            found = [run for run in self.runs if run[0] == project]
            if not found:
                raise ValueError(f"Project '{project}' does not exist")
            return [SimpleNamespace(name=r[1], delete=partial(self.runs.remove, r)) for r in found]

        return SimpleNamespace(runs=all_of)

    def init(self, project, name, **quiet):
        self.runs.append((project, name, []))

    def log(self, values, step):
        self.runs[-1][2].append((step, values))

    def finish(self):
        pass


def test_every_training_is_a_run_of_trackio_and_replaces_the_one_before(
    results, tmp_path, monkeypatch
):
    trackio = Trackio()
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    monkeypatch.setenv("TRACKIO_DIR", "elsewhere")
    told = export_logs(results, "trackio", tmp_path / "curves")
    assert told == f"TRACKIO_DIR={tmp_path / 'curves'} trackio show --project study"
    values = [(10, {"loss": 2.5, "tokens": 640.0}), (10, {"dev": 0.5}), (20, {"loss": 2.0})]
    assert trackio.runs == [("study", "other", []), *(("study", name, values) for name in NAMES)]


def test_tensorboard_has_a_curve_of_every_number(results, tmp_path):
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    for _ in range(2):  # the second one replaces the first
        told = export_logs(results, "tensorboard", tmp_path / "curves")
    assert told == f"tensorboard --logdir {tmp_path / 'curves'}"
    for name in NAMES:
        read = reading.EventAccumulator(str(tmp_path / "curves" / name))
        read.Reload()
        assert set(read.Tags()["scalars"]) == {"loss", "tokens", "dev"}
        assert [(e.step, e.value) for e in read.Scalars("loss")] == [(10, 2.5), (20, 2.0)]


def test_a_log_of_one_training_is_called_by_its_folder(results, tmp_path, monkeypatch):
    trackio = Trackio()
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    monkeypatch.setenv("TRACKIO_DIR", "elsewhere")
    export_logs(results / NAMES[0], "trackio", tmp_path / "curves")
    assert trackio.runs[-1][:2] == ("seed-0", "seed-0")


@pytest.mark.parametrize("viewer", ["tensorboard", "trackio"])
def test_a_viewer_that_is_not_installed_is_named_with_its_extra(
    results, tmp_path, monkeypatch, viewer
):
    monkeypatch.setitem(sys.modules, viewer, None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setenv("TRACKIO_DIR", "elsewhere")
    with pytest.raises(InputError, match=rf"^{viewer} is not .* install 'maskpolicy\[{viewer}\]'"):
        export_logs(results, viewer, tmp_path / "curves")


def test_what_is_no_log_is_named(results, tmp_path):
    with (results / NAMES[0] / LOG_NAME).open("a") as file:
        file.write("loss 3\n")
    with pytest.raises(ArtefactError, match=r"seed-0/training\.jsonl, line 4: this is no line"):
        export_logs(results, "tensorboard", tmp_path / "curves")
    with pytest.raises(InputError, match=r"curves: no training\.jsonl in it"):
        export_logs(tmp_path / "curves", "tensorboard", tmp_path / "more")
