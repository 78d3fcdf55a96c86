"""Fine-tuning: dev decides the learning rate, test is only scored, and runs repeat exactly."""

import json
import math
import shutil
from dataclasses import replace

import pytest
from safetensors.torch import load_file
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from maskpolicy.arrow_files import read_table
from maskpolicy.errors import ArtefactError, Diverged, InputError
from maskpolicy.evaluation.predictions import NamedRun
from maskpolicy.evaluation.scoring import score_runs
from maskpolicy.evaluation.search import Setting
from maskpolicy.models.families import seq2seq
from maskpolicy.models.specs import Generation
from maskpolicy.sources.base import Example
from maskpolicy.tasks.seq2seq import read_examples, write_examples
from maskpolicy.training import finetune as finetuning
from maskpolicy.training import state
from maskpolicy.training.finetune import FinetuneInputs, finetune, search_finetuning
from maskpolicy.training.specs import Finetuning

FINETUNING = Finetuning(
    steps=120,
    batch_size=8,
    warmup=0.1,
    learning_rates=(1e-5, 0.02),
    source_length=24,
    target_length=12,
)
GENERATION = Generation(max_length=8)
NAME = NamedRun(model="tiny", policy="rand", task="qa", pretraining_seed=0, seed=1)


def run(inputs, output, learning_rate=0.02):
    """Fine-tune with exact match as what dev chooses by."""
    setting, state = Setting(learning_rate), output.parent / "states"
    finetune(inputs, "exact_match", setting, {output: NAME}, state=state)


def inputs(materials, task, finetuning=FINETUNING):
    return FinetuneInputs(materials.checkpoint, materials.tokenizer, task, finetuning, GENERATION)


@pytest.fixture
def task(tmp_path):
    """Questions with two answers: learnable by heart, the same in every split."""
    for split in ("train", "dev", "test"):
        examples = [
            Example(f"{split}/{i}", "", f"is land {i} green?", answer, (answer, "perhaps"))
            for i, answer in enumerate(["yes", "no"] * 8)
        ]
        write_examples(tmp_path / "task" / f"{split}.arrow", examples)
    return tmp_path / "task"


def test_dev_chooses_the_learning_rate(materials, task):
    (task / "test.arrow").unlink()  # nobody may look at it
    output = materials.folder / "search.json"
    search_finetuning(
        inputs(materials, task), "exact_match", 0, "t", state=materials.folder / "s", output=output
    )
    search = json.loads(output.read_text())
    assert [result["learning_rate"] for result in search["dev"]] == [1e-5, 0.02]
    assert search["learning_rate"] == 0.02
    assert search["dev"][1]["exact_match"] > search["dev"][0]["exact_match"]


def test_a_rate_that_diverges_does_not_end_the_search(materials, task, monkeypatch):
    """Neither the first time, nor when the search goes on after an interruption."""
    output, tried = materials.folder / "search.json", []
    fit_task = finetuning.fit_task

    def fragile(model, examples, dev, training, **settings):
        tried.append(training.learning_rate)
        if training.learning_rate == 0.02:
            raise Diverged("the loss is nan at step 7")
        if tried.count(0.1) == 1:
            raise KeyboardInterrupt
        return fit_task(model, examples, dev, training, **settings)

    monkeypatch.setattr(finetuning, "fit_task", fragile)
    monkeypatch.setattr(state, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(state, "SHARE_OF_TIME", 1e6)
    settings = FINETUNING.model_copy(update={"steps": 3, "learning_rates": (1e-5, 0.02, 0.1)})
    places = {"state": materials.folder / "s", "output": output}
    stage = inputs(materials, task, settings)
    with pytest.raises(KeyboardInterrupt):
        search_finetuning(stage, "exact_match", 0, "t", **places)
    search_finetuning(stage, "exact_match", 0, "t", **places)
    assert tried == [1e-5, 0.02, 0.1, 0.1]
    _, diverged, _ = json.loads(output.read_text())["dev"]
    assert diverged == {"learning_rate": 0.02, "diverged": "the loss is nan at step 7"}
    states = [path for path in places["state"].iterdir() if path.suffix != ".result"]
    assert len({path.stem for path in states}) == 1, "that of the best"


def test_a_search_whose_output_was_deleted_is_not_made_again(materials, task, monkeypatch):
    stage = inputs(materials, task, FINETUNING.model_copy(update={"steps": 1}))
    places = {"state": materials.folder / "s", "output": materials.folder / "search.json"}
    search_finetuning(stage, "exact_match", 0, "t", **places)
    found = places["output"].read_bytes()
    places["output"].unlink()
    monkeypatch.setattr(finetuning, "fit_task", None)  # nothing is trained
    search_finetuning(stage, "exact_match", 0, "t", **places)
    assert places["output"].read_bytes() == found


def test_a_search_loads_a_model_for_each_setting_and_no_other(materials, task, monkeypatch):
    loaded, load = [], seq2seq.load_model
    monkeypatch.setattr(
        seq2seq, "load_model", lambda *args, **settings: loaded.append(args) or load(*args)
    )
    beams = GENERATION.model_copy(update={"beams": 2})
    settings = FINETUNING.model_copy(update={"steps": 1})
    stage = replace(inputs(materials, task, settings), generation=beams)
    places = {"state": materials.folder / "s", "output": materials.folder / "search.json"}
    search_finetuning(stage, "exact_match", 0, "t", **places)
    assert len(loaded) == 2
    found = json.loads(places["output"].read_text())
    assert found["decoding"] == GENERATION.greedy.signature != beams.signature


def test_a_run_is_scored_on_the_test_split_and_repeats_exactly(materials, task):
    folders = [materials.folder / "one", materials.folder / "two"]
    for folder in folders:
        run(inputs(materials, task), folder)
        score_runs([folder / "manifest.json"], ["exact_match", "token_f1"])
    one, two = ((folder / "metrics.json").read_bytes() for folder in folders)
    assert one == two
    record = json.loads(one)
    assert (record["policy"], record["seed"], record["examples"]) == ("rand", 1, 16)
    assert record["metrics"]["exact_match"] >= 0.5
    predictions = read_table(folders[0] / "predictions.arrow").to_pylist()
    assert {row["id"] for row in predictions} == {f"test/{i}" for i in range(16)}
    statistics = read_table(folders[0] / "statistics.arrow").column("exact_match").to_pylist()
    assert statistics == [[float(row["prediction"] in row["answers"])] for row in predictions]
    assert 0 <= record["dev"]["token_f1"] <= 1


def test_multiple_choice_is_weighed_with_the_predictions(materials, tmp_path):
    for split in ("train", "dev", "test"):
        examples = [
            Example(f"{split}/{i}", "", f"is it {right}?", right, (right,), choices=("yes", "no"))
            for i, right in enumerate(["yes", "no"] * 8)
        ]
        write_examples(tmp_path / "task" / f"{split}.arrow", examples)
    stage = inputs(materials, tmp_path / "task")
    state = tmp_path / "states"
    finetune(stage, "choice_accuracy", Setting(0.02), {tmp_path / "run": NAME}, state=state)
    score_runs([tmp_path / "run/manifest.json"], ["choice_accuracy", "exact_match"])
    assert json.loads((tmp_path / "run/metrics.json").read_text())["metrics"] == {
        "choice_accuracy": 1.0,
        "exact_match": 1.0,
    }
    for row in read_table(tmp_path / "run/predictions.arrow").to_pylist():
        weights = dict(row["choices"])
        assert list(weights) == ["yes", "no"]
        assert max(weights, key=weights.get) == row["prediction"]
        assert sum(map(math.exp, weights.values())) == pytest.approx(1, abs=0.2)
    output = tmp_path / "search.json"
    search_finetuning(stage, "choice_accuracy", 0, "t", state=state, output=output)
    assert json.loads((tmp_path / "search.json").read_text())["learning_rate"] == 0.02


def files(*folders):
    return [
        (folder / name).read_bytes()
        for folder in folders
        for name in ("manifest.json", "predictions.arrow", "dev-predictions.arrow")
    ]


def named(*seeds):
    return {seed: NAME.model_copy(update={"seed": seed}) for seed in seeds}


def test_what_the_search_trained_need_not_be_trained_again(materials, task, tmp_path, capsys):
    stage, state, output = inputs(materials, task), tmp_path / "states", tmp_path / "search.json"
    search_finetuning(stage, "exact_match", 1, "t", state=state, output=output)
    (kept,) = state.glob("*.safetensors")
    assert len(load_file(kept)) < 100 and not any("optimiser" in name for name in load_file(kept))
    capsys.readouterr()
    finetune(stage, "exact_match", Setting(0.02), {tmp_path / "run": NAME}, state=state)
    assert "rand, seed 1: is trained already" in capsys.readouterr().err
    run(stage, tmp_path / "anew" / "run")
    assert "is trained already" not in capsys.readouterr().err
    assert files(tmp_path / "run") == files(tmp_path / "anew" / "run")
    assert not list(state.glob("*.safetensors"))  # nothing is left of it


def test_of_several_runs_those_that_are_there_are_kept(materials, task, tmp_path, capsys):
    stage, state = inputs(materials, task), tmp_path / "states"
    places = {tmp_path / f"seed-{seed}": name for seed, name in named(0, 1, 2).items()}

    def finetuned(some, setting=0.02):
        runs = {folder: places[folder] for folder in some}
        capsys.readouterr()
        finetune(stage, "exact_match", Setting(setting), runs, state=state)
        said = capsys.readouterr().err.splitlines()
        return [line.split(":")[0] for line in said if line.endswith("are there, and kept")]

    one, two, three = places
    assert finetuned([one, two]) == []
    before = files(one, two)
    shutil.rmtree(two)
    assert finetuned([one, two, three]) == ["rand, seed 0"]
    assert files(one, two) == before  # each as if it were alone
    assert files(three) != files(two)
    (one / "predictions.arrow").write_bytes(b"damaged")
    assert finetuned(places) == ["rand, seed 1", "rand, seed 2"]
    assert files(one, two) == before
    assert finetuned([one, two], setting=0.01) == []
    assert files(one, two) != before
    write_examples(task / "test.arrow", read_examples(task / "test.arrow")[:3])
    assert finetuned([one], setting=0.01) == []
    assert not state.exists()


def test_a_run_that_fails_costs_none_of_those_before_it(materials, task, tmp_path, capsys):
    stage, state = inputs(materials, task), tmp_path / "states"
    one, two = tmp_path / "seed-0", tmp_path / "seed-1"
    runs = dict(zip((one, two), named(0, 1).values(), strict=True))
    two.write_text("a file where a folder should be")
    with pytest.raises(ArtefactError, match="seed-1"):
        finetune(stage, "exact_match", Setting(0.02), runs, state=state)
    # As of all outputs of a job that failed.
    assert not (one / "manifest.json").exists()
    two.unlink()
    capsys.readouterr()
    finetune(stage, "exact_match", Setting(0.02), runs, state=state)
    said = capsys.readouterr().err
    assert "seed 0: its predictions are there, and kept" in said
    assert "seed 1: is trained already" in said
    run(stage, tmp_path / "anew" / "run")  # seed 1, with nothing before it
    assert files(two) == files(tmp_path / "anew" / "run")
    assert not state.exists()


def test_a_task_that_only_teaches_is_not_tested(materials, task):
    write_examples(task / "test.arrow", [])
    with pytest.raises(InputError, match=r"the task has no test split \(`test: 0`\)"):
        run(inputs(materials, task), materials.folder / "run")


def test_the_test_answers_do_not_reach_the_model(materials, task):
    """The same predictions whatever the test answers are."""
    other = materials.folder / "other"
    shutil.copytree(task, other)
    marked = [
        Example(f"test/{i}", "", f"is land {i} green?", "planted", ("planted",)) for i in range(16)
    ]
    write_examples(other / "test.arrow", marked)
    predictions = []
    for folder in (task, other):
        output = materials.folder / f"run-{folder.name}"
        settings = FINETUNING.model_copy(update={"steps": 10})
        run(inputs(materials, folder, settings), output)
        predictions.append(read_table(output / "predictions.arrow").column("prediction"))
    assert predictions[0].equals(predictions[1])


def test_a_model_is_kept_where_it_is_asked_for(materials, task):
    """Anybody's: its tokenizer and its decoding are with it."""
    output = materials.folder / "run"
    settings = FINETUNING.model_copy(update={"steps": 60, "keep": True})
    run(inputs(materials, task, settings), output)
    model = AutoModelForSeq2SeqLM.from_pretrained(output / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(output / "model")
    predictions = read_table(output / "predictions.arrow").to_pylist()
    for i in (0, 7):
        ids = model.generate(**tokenizer(f"is land {i} green?", return_tensors="pt"))
        text = tokenizer.decode(ids[0], skip_special_tokens=True).strip()
        assert text == predictions[i]["prediction"]
    assert json.loads((output / "model" / "manifest.json").read_text())["run"]["seed"] == 1
    again = settings.model_copy(update={"keep": False})
    run(inputs(materials, task, again), output)
    assert not (output / "model").exists()


def test_the_signature_says_how_predictions_are_decoded(materials, task):
    signatures = []
    for beams in (1, 2):
        settings = FINETUNING.model_copy(update={"steps": 2})
        stage = inputs(materials, task, settings)
        stage = replace(stage, generation=Generation(max_length=8, beams=beams))
        run(stage, materials.folder / "run")
        score_runs([materials.folder / "run" / "manifest.json"], ["exact_match"])
        record = json.loads((materials.folder / "run" / "metrics.json").read_text())
        signatures.append(record["signatures"]["exact_match"])
    assert signatures[0].endswith(
        "|beams:1|length:0-8|length_penalty:1.0|early_stopping:no|sampling:no"
    )
    assert signatures[0] != signatures[1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source_length": 65}, "finetuning: source_length: with special tokens 65 tokens"),
        ({"target_length": 65}, "finetuning: target_length: with special tokens 65 tokens"),
        ({"max_length": 63}, "generation: max_length: with special tokens 65 tokens"),
    ],
)
def test_lengths_beyond_the_positions_are_refused(materials, task, changed, message):
    stage = inputs(materials, task)
    if "max_length" in changed:
        stage = replace(stage, generation=Generation(**changed))
    else:
        stage = replace(stage, finetuning=FINETUNING.model_copy(update=changed))
    with pytest.raises(InputError, match=f"{message} are more than the 64 that .*checkpoint takes"):
        run(stage, materials.folder / "run")
        score_runs([materials.folder / "run" / "manifest.json"], ["exact_match"])
