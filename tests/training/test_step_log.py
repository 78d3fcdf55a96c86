"""The log of a training: a line every ten steps, each step once, whatever interrupted it."""

import json
from pathlib import Path

import pytest
from support.training import decide, finetune_once, pretraining_corpus

from maskpolicy.corruption.objective import Objective
from maskpolicy.errors import ArtefactError
from maskpolicy.evaluation.predictions import NamedRun
from maskpolicy.evaluation.search import Setting
from maskpolicy.models.devices import device_name
from maskpolicy.models.specs import Generation
from maskpolicy.policies import specs
from maskpolicy.training.finetune import FinetuneInputs
from maskpolicy.training.kept_results import forget_results
from maskpolicy.training.loop import BatchLearner
from maskpolicy.training.pretrain import pretrain
from maskpolicy.training.schedules import learning_rate_at
from maskpolicy.training.specs import Finetuning, Pretraining
from maskpolicy.training.step_log import LOG_NAME, StepLog
from maskpolicy.training.trainers import native
from maskpolicy.training.trainers.base import PretrainingJob


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_log_goes_on_after_the_steps_that_were_saved(tmp_path):
    log = StepLog(tmp_path / "state" / LOG_NAME)
    log.go_on(0)
    for step in (10, 20, 30):
        log.write({"step": step})
    with log.path.open("a") as file:
        file.write('{"step": 4')  # killed while it wrote
    log.go_on(25)
    log.write({"step": 30})
    assert [line["step"] for line in lines(log.path)] == [10, 20, 30]
    log.go_on(0)
    assert lines(log.path) == []


def test_a_full_disk_is_named():
    with pytest.raises(ArtefactError, match="cannot write /dev/full: No space left on device"):
        StepLog(Path("/dev/full")).write({"step": 10})


def test_an_interrupted_pre_training_has_logged_each_step_once(materials, tmp_path, monkeypatch):
    """It is killed after step 27, and goes on from the state that it saved after step 14."""
    masks = decide(materials, "rand", specs.RandomTokens(kind="rand", rate=0.3), 2)
    corpus = pretraining_corpus(materials, masks, Objective(source="token", target="full"))
    stage = Pretraining(
        corpus="c", mask_epochs=2, steps=34, batch_size=8, learning_rate=0.01, warmup=5
    )
    job = PretrainingJob(materials.checkpoint, corpus, 1, stage, 0, "t")
    state = tmp_path / "state"
    pretrain(job, state, tmp_path / "whole")
    forget_results(state)
    whole = lines(tmp_path / "whole" / LOG_NAME)

    take, fit = BatchLearner.take, native.fit

    def killed(self, step):
        if step == 27:
            raise KeyboardInterrupt
        return take(self, step)

    def saving_once(learner, saving):
        saved = []
        monkeypatch.setattr(
            saving,
            "now_and_then",
            lambda state: saved.append(1) or (saving.save(state()) if len(saved) == 14 else None),
        )
        fit(learner, saving)

    monkeypatch.setattr(BatchLearner, "take", killed)
    monkeypatch.setattr(native, "fit", saving_once)
    with pytest.raises(KeyboardInterrupt):
        pretrain(job, state, tmp_path / "killed")
    [kept] = state.glob(f"*/{LOG_NAME}")
    assert [line["step"] for line in lines(kept)] == [10, 20]
    monkeypatch.undo()
    pretrain(job, state, tmp_path / "killed")

    found = lines(tmp_path / "killed" / LOG_NAME)
    assert [line["step"] for line in found] == [10, 20, 30, 34]
    for key in ("step", "loss", "learning_rate", "gradient_norm", "tokens"):
        assert [line[key] for line in found] == [line[key] for line in whole], key
    manifest = json.loads((tmp_path / "killed" / "manifest.json").read_text())
    assert found[-1]["loss"] == pytest.approx(sum(manifest["losses"][30:]) / 4, abs=1e-4)
    assert found[-1]["tokens"] == manifest["tokens"]
    assert found[0]["learning_rate"] == learning_rate_at(9, stage, 0.01)
    for line in found:
        assert line["gradient_norm"] > 0 and line["tokens_per_second"] > 0
        assert 0 < line["loader_seconds"] < 60 and line["memory_mib"] > 50
        assert line["device"] == manifest["device"] == device_name()
        assert line["processes"] == manifest["processes"] == 1


def test_a_fine_tuning_logs_its_steps_and_dev_scores_beside_its_predictions(
    review_task, encoder_folder, wordpiece_folder, tmp_path
):
    """The log is no part of what a run is made of: no manifest has its hash."""
    settings = Finetuning(
        epochs=3, batch_size=20, learning_rates=(0.01,), max_length=24, warmup=0.1
    )
    inputs = FinetuneInputs(encoder_folder, wordpiece_folder, review_task, settings, Generation())
    name = NamedRun(model="m", policy="none", task="t", pretraining_seed=0, seed=0)
    places = {"state": tmp_path / "state", "output": tmp_path / "run"}
    finetune_once(inputs, "accuracy", Setting(0.01), name, **places)
    found = lines(tmp_path / "run" / LOG_NAME)
    assert [line["step"] for line in found] == [10, 10, 20, 20, 30, 30]
    assert [*found[0]][:2] == ["step", "loss"] and found[0]["loss"] > 0
    assert [*found[1]] == ["step", "dev"] and 0 <= found[1]["dev"] <= 1
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert LOG_NAME not in manifest["files"]
    assert not (tmp_path / "state").exists()
