"""Fine-tuning: dev decides the learning rate, test is only scored, and runs repeat exactly."""

import json
import shutil

import pytest

from maskpolicy.arrow_files import read_table
from maskpolicy.evaluation.scoring import score_runs
from maskpolicy.models.specs import Generation
from maskpolicy.sources.base import Example
from maskpolicy.tasks.seq2seq import write_examples
from maskpolicy.training.finetune import FinetuneInputs, RunName, finetune, search_finetuning
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
NAME = RunName("tiny", "rand", "qa", pretraining_seed=0, seed=1)


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
    search_finetuning(inputs(materials, task), "exact_match", 0, "t", output)
    search = json.loads(output.read_text())
    assert [result["learning_rate"] for result in search["dev"]] == [1e-5, 0.02]
    assert search["learning_rate"] == 0.02
    assert search["dev"][1]["exact_match"] > search["dev"][0]["exact_match"]


def test_a_run_is_scored_on_the_test_split_and_repeats_exactly(materials, task):
    folders = [materials.folder / "one", materials.folder / "two"]
    for folder in folders:
        finetune(inputs(materials, task), "exact_match", 0.02, NAME, folder)
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
        finetune(inputs(materials, folder, settings), "exact_match", 0.02, NAME, output)
        predictions.append(read_table(output / "predictions.arrow").column("prediction"))
    assert predictions[0].equals(predictions[1])
