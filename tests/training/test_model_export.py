"""An exported model loads as anybody's does, decodes as its study, and its card says what it is."""

import json
import shutil

import pytest
import torch
import yaml
from support.training import finetune_once
from transformers import (
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    GenerationConfig,
)
from typer.testing import CliRunner

from maskpolicy import cli
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.corruption.objective import Objective
from maskpolicy.decisions.files import decision_file
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.evaluation.predictions import NamedRun
from maskpolicy.evaluation.scoring import score_runs
from maskpolicy.evaluation.search import Setting
from maskpolicy.models.initialise import initialise_model
from maskpolicy.models.specs import BartArchitecture, Generation, Seq2SeqModel
from maskpolicy.policies.masking import ShardMasks, mask_shard
from maskpolicy.policies.specs import RandomTokens
from maskpolicy.sources.base import Example
from maskpolicy.tasks.seq2seq import write_examples
from maskpolicy.training.finetune import FinetuneInputs
from maskpolicy.training.masked_data import MaskedCorpus
from maskpolicy.training.model_export import export_model
from maskpolicy.training.pretrain import pretrain
from maskpolicy.training.specs import Finetuning, Pretraining
from maskpolicy.training.trainers.base import PretrainingJob

SIZES = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "attention_heads": 2}
LENGTHS = {"source_length": 32, "target_length": 16}
BART = BartArchitecture(**SIZES, ffn_dim=32, max_positions=64)


def card(folder):
    """The head of a card, and its text."""
    _, head, text = (folder / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(head), " ".join(text.split())


def same(one, other):
    some, others = one.state_dict(), other.state_dict()
    return some.keys() == others.keys() and all(torch.equal(some[n], others[n]) for n in some)


@pytest.fixture
def pretrained(materials):
    """A checkpoint, pre-trained on masks with manifests, which kept one on the way."""
    initial, output = materials.folder / "initial", materials.folder / "pretrained"
    model = Seq2SeqModel(tokenizer="t", architecture=BART)
    initialise_model(model, materials.tokenizer, 0, initial)
    masks = materials.folder / "masks"
    for shard in materials.shards:
        made = ShardMasks(shard, "towns", "tenth", 5, [0], masks / f"{shard.stem}.json")
        mask_shard(made, RandomTokens(kind="rand", rate=0.1))
    files = [[decision_file(masks, 0, shard) for shard in materials.shards]]
    corpus = MaskedCorpus(materials.shards, files, Objective(), materials.tokenizer, 0)
    stage = Pretraining(
        steps=2, batch_size=8, learning_rate=1e-3, mask_epochs=1, stops=(1,), corpus="towns"
    )
    pretrain(PretrainingJob(initial, corpus, 1, stage, 7, "t"), materials.folder / "s", output)
    return output


@pytest.fixture
def run(pretrained, materials):
    """A scored run that kept its model."""
    folder = materials.folder
    (folder / "task").mkdir()
    for split in ("train", "dev", "test"):
        examples = [
            Example(f"{split}-{i}", None, f"land {i} ?", f"town {i}", (f"town {i}",), None)
            for i in range(4)
        ]
        write_examples(folder / "task" / f"{split}.arrow", examples)
    finetuning = Finetuning(epochs=1, learning_rates=(1e-3,), batch_size=2, keep=True, **LENGTHS)
    generation = Generation(beams=3, max_length=6, min_length=2)
    inputs = FinetuneInputs(
        pretrained, materials.tokenizer, folder / "task", finetuning, generation
    )
    name = NamedRun(model="bart-tiny", policy="tenth", task="qa", pretraining_seed=7, seed=11)
    finetune_once(
        inputs, "exact_match", Setting(1e-3), name, state=folder / "f", output=folder / "run"
    )
    score_runs([folder / "run" / "manifest.json"], ["exact_match", "token_f1"])
    return folder / "run"


def test_a_checkpoint_loads_and_says_what_it_was_trained_on(pretrained, tmp_path):
    output = tmp_path / "exported"
    done = CliRunner().invoke(cli.app, ["export-model", str(pretrained), "--output", str(output)])
    assert done.exit_code == 0
    loaded, kept = map(AutoModelForSeq2SeqLM.from_pretrained, (output, pretrained))
    assert same(loaded, kept)
    assert not (output / "step-1").exists()
    head, text = card(output)
    assert head["library_name"] == "transformers" and "base_model" not in head
    assert "license" not in head
    assert "# towns, masked by tenth" in text
    for said in ("**initial**", "**pre-training**", "masks_seed: 5", "steps: 2", "seed: 7"):
        assert said in text
    assert "objective: source span, target masked" in text and "d_model 16" in text
    assert f"{pretrained}/manifest.json" in text
    export_model(pretrained / "step-1", tmp_path / "stop")
    assert "steps: 1" in card(tmp_path / "stop")[1]


def test_a_run_loads_decodes_as_its_study_and_has_its_scores(run, materials, tmp_path):
    export_model(run, tmp_path / "exported")
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "exported")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "exported")
    ours = load_tokenizer(materials.tokenizer)
    assert tokenizer(["land 3 ?"])["input_ids"] == ours.encode(["land 3 ?"], 20)
    settings = GenerationConfig.from_pretrained(tmp_path / "exported")
    assert (settings.num_beams, settings.max_new_tokens, settings.min_new_tokens) == (3, 8, 3)
    written = loaded.generate(**tokenizer(["land 3 ?"], return_tensors="pt"))
    assert written.shape[1] <= 9
    head, text = card(tmp_path / "exported")
    assert "# bart-tiny, tenth, qa" in text and "maskpolicy" in head["tags"]
    metrics = json.loads((run / "metrics.json").read_text())
    for metric, score in metrics["metrics"].items():
        assert f"| {metric} | {score:.4f} | {metrics['dev'][metric]:.4f} |" in text
        assert metrics["signatures"][metric] in text
    for said in ("**pre-training**", "**fine-tuning**", "task: qa", f"{run}/metrics.json"):
        assert said in text


def test_a_model_of_the_hub_is_named_as_the_base(pretrained, tmp_path):
    manifest = pretrained / "manifest.json"
    for name, named in (("facebook/bart-base", True), ("/models/bart", False)):
        said = json.loads(manifest.read_text())
        said["lineage"][0]["pretrained"] = name
        manifest.write_text(json.dumps(said))
        export_model(pretrained, tmp_path / "exported")
        assert card(tmp_path / "exported")[0].get("base_model") == (name if named else None)


def test_encoders_load_with_their_heads(
    make_encoder_folder, wordpiece_folder, tmp_path, review_task
):
    folder = make_encoder_folder("bert")
    export_model(folder, tmp_path / "masked-lm")
    loaded = AutoModelForMaskedLM.from_pretrained(tmp_path / "masked-lm")
    assert same(loaded, AutoModelForMaskedLM.from_pretrained(folder))
    head, text = card(tmp_path / "masked-lm")
    assert head["pipeline_tag"] == "fill-mask" and "AutoModelForMaskedLM" in text
    finetuning = Finetuning(steps=1, learning_rates=(1e-3,), batch_size=4, max_length=16, keep=True)
    inputs = FinetuneInputs(folder, wordpiece_folder, review_task, finetuning, Generation())
    name = NamedRun(model="bert", policy="none", task="reviews", pretraining_seed=0, seed=0)
    places = {"state": tmp_path / "state", "output": tmp_path / "run"}
    finetune_once(inputs, "accuracy", Setting(1e-3), name, **places)
    export_model(tmp_path / "run", tmp_path / "classifier")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "classifier")
    assert model.config.id2label == {0: "negative", 1: "positive"}
    assert card(tmp_path / "classifier")[0]["pipeline_tag"] == "text-classification"


def test_what_is_no_model_is_refused(run, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(run / "model", damaged)
    with (damaged / "model.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ArtefactError, match=r"damaged/model\.safetensors is not what its manifest"):
        export_model(damaged, tmp_path / "exported")
    shutil.rmtree(run / "model")
    with pytest.raises(InputError, match="run: no model was kept: set `keep: true`"):
        export_model(run, tmp_path / "exported")
    with pytest.raises(InputError, match="nowhere is neither a checkpoint nor a run"):
        export_model(tmp_path / "nowhere", tmp_path / "exported")
    assert not (tmp_path / "exported").exists()
