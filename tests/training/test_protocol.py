"""The protocol of fine-tuning (Ye et al. 2021, B.2): what is validated, searched, resumed, set."""

import json
from dataclasses import replace

import pytest
from support.training import finetune_once
from transformers import BertConfig, BertModel, T5Config, T5ForConditionalGeneration

from maskpolicy.artefacts import read_json
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.errors import InputError
from maskpolicy.evaluation.predictions import NamedRun
from maskpolicy.evaluation.search import Setting
from maskpolicy.models import families
from maskpolicy.models.checkpoints import dropout_settings
from maskpolicy.models.families.seq2seq import SequenceGenerator
from maskpolicy.models.specs import Generation
from maskpolicy.sources.base import Example
from maskpolicy.tasks.seq2seq import read_examples, write_examples
from maskpolicy.training import finetune as finetune_module
from maskpolicy.training.finetune import (
    FinetuneInputs,
    fit_task,
    search_finetuning,
)
from maskpolicy.training.loop import BatchLearner
from maskpolicy.training.specs import Finetuning
from maskpolicy.training.validation import ValidatedLearner

NAME = NamedRun(model="tiny", policy="rand", task="qa", pretraining_seed=0, seed=1)
SHORT = {"batch_size": 4, "source_length": 24, "target_length": 12, "learning_rates": (0.01,)}


class Interruption(Exception):
    pass


@pytest.fixture
def task(tmp_path):
    """Sixteen questions, the same in every split."""
    for split in ("train", "dev", "test"):
        examples = [
            Example(f"{split}/{i}", "", f"is land {i} green?", answer, (answer,))
            for i, answer in enumerate(["yes", "no"] * 8)
        ]
        write_examples(tmp_path / "task" / f"{split}.arrow", examples)
    return tmp_path / "task"


@pytest.fixture
def inputs(materials, task):
    def make(generation=None, **settings):
        finetuning = Finetuning(**SHORT | settings)
        decoding = generation or Generation(max_length=6)
        return FinetuneInputs(materials.checkpoint, materials.tokenizer, task, finetuning, decoding)

    return make


@pytest.fixture
def validated(materials, task, monkeypatch):
    """Fine-tunes with dev scores that are given; returns (step, score) of each, and the steps."""

    def make(scores, **settings):
        told = iter(scores)
        monkeypatch.setattr(finetune_module, "_score", lambda *_: next(told))
        finetuning = Finetuning(**SHORT | settings).of("seq2seq")
        family = families.of_checkpoint(materials.checkpoint)
        data = family.read_task(task, ("train", "dev"))
        model = family.task_model(
            materials.checkpoint,
            load_tokenizer(materials.tokenizer),
            labels=(),
            lengths=finetuning,
            generation=Generation(max_length=6),
            seed=0,
        )
        taken = []
        take = BatchLearner.take
        monkeypatch.setattr(
            BatchLearner, "take", lambda self, step: taken.append(step) or take(self, step)
        )
        training = finetuning.at(Setting(0.01), len(data.splits["train"]))
        splits = data.splits["train"], data.splits["dev"]
        validations = fit_task(model, *splits, training, seed=0, title="t")
        return [(each.steps, each.dev) for each in validations], len(taken)

    return make


@pytest.mark.parametrize(
    ("settings", "at"),
    [
        ({"epochs": 3}, [4, 8, 12]),
        ({"epochs": 5, "validate_every": 2}, [8, 16, 20]),
        ({"steps": 7, "validate_every": 3}, [3, 6, 7]),
        ({"steps": 7}, []),
    ],
)
def test_dev_is_scored_after_so_many_epochs_or_steps_and_at_the_end(validated, settings, at):
    validations, steps = validated([0.1] * len(at), **settings)
    assert [step for step, _ in validations] == at
    assert steps == (at[-1] if at else 7)


def test_patience_ends_a_training_that_gets_no_better(validated, capsys):
    scores = [0.1, 0.3, 0.3, 0.2, 0.9]
    validations, steps = validated(scores, epochs=5, patience=2)
    assert (len(validations), steps) == (4, 16)
    assert "t: ends after step 16; its best dev score is that of step 8" in capsys.readouterr().err


def test_a_training_that_gets_better_now_and_then_goes_on(validated):
    validations, _ = validated([0.1, 0.05, 0.2, 0.2, 0.3], epochs=5, patience=2)
    assert len(validations) == 5


def test_the_best_weights_are_those_that_are_used(inputs, tmp_path, monkeypatch):
    """A second half that spoils the model leaves no trace in its predictions."""
    half = inputs(epochs=2, keep=True, patience=5)
    rates = "maskpolicy.training.loop.learning_rate_at"
    monkeypatch.setattr(rates, lambda step, *_: 0.01 if step < 4 else 1e-12)
    monkeypatch.setattr(finetune_module, "_score", lambda *_: 0.5)
    folders = {"state": tmp_path / "s", "output": tmp_path / "equal"}
    finetune_once(half, "exact_match", Setting(0.01), NAME, **folders)
    monkeypatch.setattr(rates, lambda step, *_: 0.01 if step < 4 else 5.0)
    folders = {"state": tmp_path / "s", "output": tmp_path / "spoilt"}
    finetune_once(half, "exact_match", Setting(0.01), NAME, **folders)
    equal, spoilt = (
        (tmp_path / run / "predictions.arrow").read_bytes() for run in ("equal", "spoilt")
    )
    assert equal == spoilt


@pytest.mark.parametrize(
    "settings", [{"epochs": 2, "examples_at_once": 3}, {"steps": 6, "validate_every": 4}]
)
def test_a_run_goes_on_bit_for_bit_after_any_step(inputs, tmp_path, monkeypatch, settings):
    monkeypatch.setattr("maskpolicy.training.state.SAVE_EVERY", 0.0)
    monkeypatch.setattr("maskpolicy.training.state.SHARE_OF_TIME", float("inf"))
    stage = inputs(keep=True, dropout=0.1, **settings)
    taken, take = [], BatchLearner.take

    def run(output, interrupted_at=None):
        def interrupted(self, step):
            if step == interrupted_at:
                raise Interruption
            taken.append(step)
            return take(self, step)

        monkeypatch.setattr(ValidatedLearner, "take", interrupted)
        folders = {"state": tmp_path / "state", "output": tmp_path / output}
        finetune_once(stage, "exact_match", Setting(0.01), NAME, **folders)

    run("straight")
    steps = len(taken)
    for at in range(1, steps):
        taken.clear()
        with pytest.raises(Interruption):
            run(f"resumed-{at}", at)
        run(f"resumed-{at}")
        assert taken == [*range(steps)], "no step is taken twice"
        for name in ("predictions.arrow", "dev-predictions.arrow", "model/model.safetensors"):
            straight, resumed = (tmp_path / run / name for run in ("straight", f"resumed-{at}"))
            assert straight.read_bytes() == resumed.read_bytes(), (at, name)
        assert not (tmp_path / "state").exists()


def test_a_run_does_not_go_on_from_that_of_a_checkpoint_with_another_dropout(
    materials, inputs, tmp_path, monkeypatch
):
    """Which may have the same weights: those that a seed gives."""
    monkeypatch.setattr("maskpolicy.training.state.SAVE_EVERY", 0.0)
    taken, take = [], BatchLearner.take

    def interrupted(self, step):
        taken.append(step)
        if len(taken) == 3:
            raise Interruption
        return take(self, step)

    monkeypatch.setattr(ValidatedLearner, "take", interrupted)
    folders = {"state": tmp_path / "state", "output": tmp_path / "run"}
    with pytest.raises(Interruption):
        finetune_once(inputs(steps=4), "exact_match", Setting(0.01), NAME, **folders)
    config = materials.checkpoint / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"dropout": 0.3}))
    finetune_once(inputs(steps=4), "exact_match", Setting(0.01), NAME, **folders)
    assert taken[3:] == [0, 1, 2, 3]


def test_a_search_goes_on_with_what_it_has_not_tried(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr("maskpolicy.training.state.SAVE_EVERY", 0.0)
    monkeypatch.setattr("maskpolicy.training.state.SHARE_OF_TIME", float("inf"))
    stage = inputs(steps=3, learning_rates=(1e-3, 1e-2), batch_sizes=(4, 8))
    taken, take = [], BatchLearner.take

    def run(output, most=None):
        def interrupted(self, step):
            if len(taken) == most:
                raise Interruption
            taken.append((self.learning_rate, self.optimisation.batch_size, step))
            return take(self, step)

        monkeypatch.setattr(ValidatedLearner, "take", interrupted)
        state = tmp_path / f"state-of-{output}"
        search_finetuning(stage, "exact_match", 0, "t", state=state, output=tmp_path / output)

    run("straight.json")
    straight = taken.copy()
    assert len(straight) == 9
    taken.clear()
    for most in (2, 5, 7):
        with pytest.raises(Interruption):
            run("resumed.json", most)
    run("resumed.json")
    assert taken == straight
    files = [tmp_path / name for name in ("straight.json", "resumed.json")]
    assert files[0].read_bytes() == files[1].read_bytes()
    states = [tmp_path / f"state-of-{file.name}" for file in files]
    left, again = ({path.stem for path in state.glob("*.safetensors")} for state in states)
    assert left == again and len(left) == 1, "what the best setting has trained"


def test_dev_is_decoded_greedily_in_a_search_which_says_so(inputs, tmp_path, monkeypatch):
    used, generate = [], "maskpolicy.models.families.seq2seq.generate"

    def noted(model, tokenizer, sources, generation):
        used.append(generation.signature)
        return [""] * len(sources)

    monkeypatch.setattr(generate, noted)
    stage = inputs(Generation(beams=4, max_length=6), epochs=1, learning_rates=(1e-3, 1e-2))
    found = tmp_path / "search.json"
    search_finetuning(stage, "exact_match", 0, "t", state=tmp_path / "s", output=found)
    greedy = "beams:1|length:0-6|length_penalty:1.0|early_stopping:no|sampling:no"
    assert set(used) == {greedy} and read_json(found)["decoding"] == greedy
    used.clear()
    folders = {"state": tmp_path / "another", "output": tmp_path / "run"}
    finetune_once(stage, "exact_match", Setting(1e-3), NAME, **folders)
    assert used == [greedy, *[greedy.replace("beams:1", "beams:4")] * 2]  # an epoch, dev, test


@pytest.mark.parametrize(
    ("metric", "asked"), [("choice_accuracy", "weigh_choices"), ("exact_match", "predict")]
)
def test_dev_is_asked_for_what_the_metric_reads_alone(
    inputs, task, tmp_path, monkeypatch, metric, asked
):
    calls = []
    for name in ("predict", "weigh_choices"):
        method = getattr(SequenceGenerator, name)
        monkeypatch.setattr(
            SequenceGenerator,
            name,
            lambda *values, name=name, method=method: calls.append(name) or method(*values),
        )
    for split in ("train", "dev"):
        examples = read_examples(task / f"{split}.arrow")
        choices = [replace(example, choices=("yes", "no")) for example in examples]
        write_examples(task / f"{split}.arrow", choices)
    stage = inputs(epochs=1, learning_rates=(1e-3, 1e-2))
    search_finetuning(stage, metric, 0, "t", state=tmp_path / "s", output=tmp_path / "search.json")
    assert set(calls) == {asked}


def test_the_searched_batch_size_and_steps_are_those_of_a_run(inputs, tmp_path, monkeypatch):
    seen, take = set(), BatchLearner.take

    def noted(self, step):
        seen.add((self.steps, self.optimisation.batch_size, self.learning_rate))
        return take(self, step)

    monkeypatch.setattr(ValidatedLearner, "take", noted)
    stage = inputs(steps=(2, 3), batch_sizes=(4, 8))
    folders = {"state": tmp_path / "s", "output": tmp_path / "run"}
    finetune_once(stage, "exact_match", Setting(0.02, 3, 8), NAME, **folders)
    assert seen == {(3, 8, 0.02)}


def test_a_warm_up_longer_than_the_training_is_refused_before_it(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(BatchLearner, "take", None)
    stage = inputs(epochs=4, warmup=9, batch_sizes=(4, 8))
    with pytest.raises(InputError, match="warmup: 9 updates are more than the 8 that 4 epochs of"):
        search_finetuning(stage, "exact_match", 0, "t", state=tmp_path, output=tmp_path / "out")


def test_dropout_is_that_of_the_fine_tuning(materials, inputs, tmp_path):
    stage = inputs(steps=1, dropout=0.25, keep=True)
    folders = {"state": tmp_path / "s", "output": tmp_path / "run"}
    finetune_once(stage, "exact_match", Setting(0.01), NAME, **folders)
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert {config[key] for key in ("dropout", "attention_dropout", "activation_dropout")} == {0.25}
    before = json.loads((materials.checkpoint / "config.json").read_text())
    assert config["encoder_layerdrop"] == before["encoder_layerdrop"]
    plain = replace(stage, finetuning=Finetuning(**SHORT, steps=1, keep=True))
    finetune_once(plain, "exact_match", Setting(0.01), NAME, **folders)
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert config["dropout"] == before["dropout"]


def test_other_families_have_other_names_for_dropout(tmp_path):
    sizes = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2, "vocab_size": 9}
    BertModel(BertConfig(**sizes, intermediate_size=8)).save_pretrained(tmp_path / "bert")
    assert dropout_settings(tmp_path / "bert", 0.2) == {
        "hidden_dropout_prob": 0.2,
        "attention_probs_dropout_prob": 0.2,
    }
    T5ForConditionalGeneration(
        T5Config(d_model=8, d_ff=8, d_kv=4, num_heads=2, num_layers=1, vocab_size=9)
    ).save_pretrained(tmp_path / "t5")
    assert dropout_settings(tmp_path / "t5", 0.2)["dropout_rate"] == 0.2
    assert dropout_settings(tmp_path / "t5", None) == {}


def test_a_model_without_dropout_has_none_to_set(materials, monkeypatch):
    monkeypatch.setattr("maskpolicy.models.checkpoints.DROPOUTS", ("nothing",))
    with pytest.raises(InputError, match=r"finetuning: dropout: .*checkpoint has none of nothing"):
        dropout_settings(materials.checkpoint, 0.1)
