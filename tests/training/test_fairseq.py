"""fairseq as a trainer: the same model, the same loss, the same training, but for roundings."""

import argparse
import json
import os

import pytest
import tokenizers
import torch
from transformers import PreTrainedTokenizerFast

from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.corruption.objective import Objective
from maskpolicy.decisions.files import decision_file
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.models.batches import Batch
from maskpolicy.models.checkpoints import save_model
from maskpolicy.models.fairseq_bart import (
    fairseq_arguments,
    import_bart,
    load_fairseq_weights,
    read_fairseq,
    to_fairseq,
)
from maskpolicy.models.losses import sequence_loss
from maskpolicy.models.seq2seq import load_model
from maskpolicy.policies import specs
from maskpolicy.policies.masking import ShardMasks, mask_shard
from maskpolicy.training.kept_results import forget_results
from maskpolicy.training.masked_data import MaskedCorpus
from maskpolicy.training.pretrain import pretrain
from maskpolicy.training.specs import Pretraining
from maskpolicy.training.state import Saving
from maskpolicy.training.trainers import fairseq
from maskpolicy.training.trainers.base import PretrainingJob, stop_folder

VOCABULARY = 40
STEPS = 20


@pytest.fixture
def batch():
    """Padded sources and targets."""
    source = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 4, 2, 1]])
    target = torch.tensor([[0, 9, 10, 2], [0, 11, 2, 1]])
    return Batch(source, target)


def fairseq_bart(config):
    """fairseq's BART of the same sizes, its weights its own."""
    from fairseq.data import Dictionary
    from fairseq.models.bart.model import BARTModel, bart_base_architecture

    words = Dictionary()
    for number in range(config.vocab_size - len(words)):
        words.add_symbol(f"word-{number}")
    arguments = argparse.Namespace(task="denoising", **fairseq_arguments(config))
    bart_base_architecture(arguments)
    task = argparse.Namespace(source_dictionary=words, target_dictionary=words)
    return BARTModel.build_model(arguments, task).eval(), arguments


def fairseq_loss(model, batch, label_smoothing):
    """By fairseq's own criterion, in nats a token."""
    from fairseq.criterions.label_smoothed_cross_entropy import label_smoothed_nll_loss

    read = batch.target.roll(1, dims=1)
    read[:, 0] = 2
    output = model(batch.source, (batch.source != 1).sum(1), read)
    own = label_smoothing * (VOCABULARY - 1) / VOCABULARY
    log_probabilities = model.get_normalized_probs(output, log_probs=True)
    loss, _ = label_smoothed_nll_loss(
        log_probabilities.flatten(0, 1), batch.target.flatten(), own, ignore_index=1
    )
    return loss.item() / int((batch.target != 1).sum())


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_the_same_weights_and_batch_have_the_same_loss(make_tiny_bart, batch, label_smoothing):
    ours = make_tiny_bart(VOCABULARY, encoder_layers=2).eval()
    theirs, _ = fairseq_bart(ours.config)
    with torch.no_grad():
        wanted = sequence_loss(ours, batch, label_smoothing).item()
        assert abs(fairseq_loss(theirs, batch, label_smoothing) - wanted) > 0.01
        theirs.load_state_dict(to_fairseq(ours, "ours"), strict=True)
        assert fairseq_loss(theirs, batch, label_smoothing) == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_weights_come_back(make_tiny_bart, batch, label_smoothing):
    ours = make_tiny_bart(VOCABULARY, encoder_layers=2).eval()
    theirs, _ = fairseq_bart(ours.config)
    load_fairseq_weights(ours, theirs.state_dict(), "theirs")
    with torch.no_grad():
        wanted = fairseq_loss(theirs, batch, label_smoothing)
        assert sequence_loss(ours, batch, label_smoothing).item() == pytest.approx(wanted, abs=1e-5)


def test_weights_that_do_not_fit_are_named(make_tiny_bart):
    ours = make_tiny_bart(VOCABULARY)
    weights = to_fairseq(ours, "ours")
    without = {
        name: value for name, value in weights.items() if name != "encoder.layers.0.fc1.bias"
    }
    with pytest.raises(ArtefactError, match=r"lacks 1 weights, as model\.encoder\.layers\.0\.fc1"):
        load_fairseq_weights(ours, without, "theirs")
    untied = weights | {"decoder.embed_tokens.weight": torch.zeros(VOCABULARY, 16)}
    with pytest.raises(ArtefactError, match=r"theirs: decoder\.embed_tokens\.weight is not the"):
        load_fairseq_weights(ours, untied, "theirs")
    with pytest.raises(
        ArtefactError, match=r"theirs: model\.encoder\.layers\.0\.fc1\.bias is \[7\]"
    ):
        load_fairseq_weights(
            ours, weights | {"encoder.layers.0.fc1.bias": torch.zeros(7)}, "theirs"
        )


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"scale_embedding": True}, "`scale_embedding` is set"),
        ({"pad_token_id": 0}, "`pad_token_id` is not 1"),
        ({"activation_function": "gelu_new"}, "`activation_function` is none of"),
    ],
)
def test_models_that_fairseq_does_not_have_are_refused(make_tiny_bart, settings, problem):
    with pytest.raises(InputError, match=problem):
        to_fairseq(make_tiny_bart(VOCABULARY, **settings), "ours")


def write_published(path, model, mask, filler=0):
    """A file like the published `bart.base/model.pt`: filler words, then `<mask>`, in old names."""
    weights = to_fairseq(model, "ours")
    words = [row for row in range(model.config.vocab_size) if row != mask]
    for name in weights:
        if name.endswith(("embed_tokens.weight", "output_projection.weight")):
            rows = weights[name]
            added = torch.full((filler, rows.shape[1]), 9.0)
            weights[name] = torch.cat([rows[words], added, rows[[mask]]])
    for kind in ("weight", "bias"):
        names = [f"encoder.layers.0.self_attn.{letter}_proj.{kind}" for letter in "qkv"]
        joint = torch.cat([weights.pop(name) for name in names])
        weights[f"encoder.layers.0.self_attn.in_proj_{kind}"] = joint
    weights["classification_heads.mnli.dense.bias"] = torch.zeros(3)
    _, arguments = fairseq_bart(model.config)
    state = {"args": arguments, "model": weights, "optimizer_history": [{"num_updates": 7}]}
    torch.save(state, path)
    return state


@pytest.fixture
def mask_last(tmp_path):
    """A tokenizer whose `<mask>` is the last of its tokens, as that of BART."""
    words = ("The", "capital", "of", "the", "country", "is", "a", "large", "city", ".")
    tokens = ("<s>", "<pad>", "</s>", "<unk>", *words, "<mask>")
    model = tokenizers.models.WordPiece({t: i for i, t in enumerate(tokens)}, unk_token="<unk>")
    backend = tokenizers.Tokenizer(model)
    backend.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    roles = {"bos": "<s>", "pad": "<pad>", "eos": "</s>", "unk": "<unk>", "mask": "<mask>"}
    named = {f"{role}_token": token for role, token in roles.items()}
    PreTrainedTokenizerFast(tokenizer_object=backend, **named).save_pretrained(tmp_path / "last")
    return tmp_path / "last", len(tokens)


@pytest.mark.parametrize("filler", [0, 8])
def test_a_published_file_is_imported(mask_last, make_tiny_bart, tmp_path, capsys, filler):
    tokenizer, size = mask_last
    ours = make_tiny_bart(size)
    write_published(tmp_path / "model.pt", ours, size - 1, filler)
    import_bart(tmp_path / "model.pt", str(tokenizer), tmp_path / "imported")
    assert "left out, as of other heads: classification_heads" in capsys.readouterr().err
    imported = load_model(tmp_path / "imported")
    for name, weight in ours.state_dict().items():
        assert torch.equal(imported.state_dict()[name], weight), name
    assert json.loads((tmp_path / "imported/manifest.json").read_text())["updates"] == 7


def test_rows_that_can_not_be_told_apart_are_refused(materials, tmp_path):
    ours = load_model(materials.checkpoint)
    write_published(tmp_path / "model.pt", ours, 4, filler=8)
    with pytest.raises(ArtefactError, match="whose mask is not the last"):
        import_bart(tmp_path / "model.pt", str(materials.tokenizer), tmp_path / "imported")


class _Harmful:
    """Its reading would run a command."""

    def __reduce__(self):
        return os.system, ("touch harm",)


def test_nothing_in_a_file_is_run(make_tiny_bart, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.pt"
    state = write_published(path, make_tiny_bart(VOCABULARY), VOCABULARY - 1)
    assert read_fairseq(path).updates == 7
    torch.save(state | {"extra": _Harmful()}, path)
    with pytest.raises(ArtefactError, match="holds more than weights and arguments"):
        read_fairseq(path)
    assert not (tmp_path / "harm").exists()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArtefactError, match=r"model\.pt is damaged"):
        read_fairseq(path)
    torch.save({"model": {}}, path)
    with pytest.raises(ArtefactError, match="is no checkpoint of a BART in fairseq"):
        read_fairseq(path)


@pytest.fixture
def make_job(materials):
    """Makes the job of a stage; a pass has forty rows, so training goes through several."""

    def make(steps=STEPS, checkpoint=materials.checkpoint, **settings):
        folder = materials.folder / "rand"
        masks = [[decision_file(folder, e, shard) for shard in materials.shards] for e in range(2)]
        for i, shard in enumerate(materials.shards):
            done = folder / f"shard-{i}.json"
            if not done.exists():
                policy = specs.RandomTokens(kind="rand", rate=0.3)
                mask_shard(ShardMasks(shard, "corpus", "rand", 0, range(2), done), policy)
        objective = Objective(source="token", target="full", random=0.2)
        corpus = MaskedCorpus(materials.shards, masks, objective, materials.tokenizer, seed=0)
        stage = Pretraining(
            corpus="corpus",
            steps=steps,
            batch_size=6,
            learning_rate=0.01,
            mask_epochs=2,
            warmup=3,
            clip_norm=0.5,
            label_smoothing=0.1,
            **settings,
        )
        return PretrainingJob(checkpoint, corpus, 1, stage, 0, "t")

    return make


def test_both_trainers_train_alike(make_job, tmp_path):
    """Twenty updates, in three passes over the corpus, of which the third reads masks again."""
    outputs = []
    for trainer in ("native", "fairseq"):
        job = make_job(trainer=trainer, stops=(5,))
        pretrain(job, tmp_path / "state", tmp_path / trainer)
        forget_results(tmp_path / "state")
        assert not list((tmp_path / "state").iterdir())
        outputs.append(tmp_path / trainer)
    ours, theirs = (json.loads((output / "manifest.json").read_text()) for output in outputs)
    assert len(ours["losses"]) == STEPS
    assert ours["losses"][-1] < 0.8 * ours["losses"][0]
    # Epsilon in the Adam of fairseq counts for more in the first updates.
    assert theirs["losses"] == pytest.approx(ours["losses"], abs=1e-3)
    for fact in ("steps", "tokens"):
        assert theirs[fact] == ours[fact]
    assert theirs.keys() == ours.keys()
    text = torch.tensor([[0, 50, 60, 70, 2]])
    for folders in (outputs, [stop_folder(output, 5) for output in outputs]):
        losses = [sequence_loss(load_model(f).eval(), Batch(text, text), 0.0) for f in folders]
        assert losses[1].item() == pytest.approx(losses[0].item(), abs=0.02)
    assert losses[0].item() > 4.0, "a stop has learned less"


def test_goes_on_where_it_was_interrupted(make_job, make_tiny_bart, tmp_path, monkeypatch, capsys):
    dropping = tmp_path / "dropping"
    job = make_job(steps=45)
    tokenizer = load_tokenizer(job.corpus.tokenizer)
    save_model(make_tiny_bart(tokenizer.vocabulary_size, dropout=0.3), tokenizer, dropping)
    job = make_job(steps=45, checkpoint=dropping)
    saving = Saving(tmp_path / "state", "t")

    def interrupted(speed, loss, tokens):
        if (seen := len(losses)) == 20:
            raise KeyboardInterrupt
        losses.append(loss)
        return f"{seen}"

    losses = []
    with monkeypatch.context() as patched:
        patched.setattr(fairseq.LossAndSpeed, "after", interrupted)
        with pytest.raises(KeyboardInterrupt), saving:
            fairseq.pretrain_with_fairseq(job, saving)
    steps = saving.kept_files / "fairseq" / "steps.jsonl"
    before = [json.loads(line) for line in steps.read_text().splitlines()]
    trained = fairseq.pretrain_with_fairseq(job, saving)
    assert "goes on after step" in capsys.readouterr().err
    lines = [json.loads(line) for line in steps.read_text().splitlines()]
    again = {step["step"]: step for step in lines[len(before) :]}
    assert 10 < min(again) <= 20
    assert max(again) == 44
    repeated = [step for step in before if step["step"] in again]
    assert repeated, "the last update before the interruption is taken again"
    for step in repeated:
        assert again[step["step"]] == step
    assert trained.history.steps == 45
    # A training that was finished, but not written, is not taken up again.
    found = fairseq.pretrain_with_fairseq(job, saving)
    assert found.history == trained.history


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            "echo loading; echo out of memory >&2; exit 1",
            r"t: fairseq-train failed \(out of memory\); see .*fairseq\.log",
        ),
        ("exit 0", r"t: fairseq-train ended early; see .*fairseq\.log"),
        (
            """echo 'maskpolicy step {"step": 3, "loss": NaN, "tokens": 9}'; exec sleep 60""",
            "t: the loss is nan at step 3; lower the learning rate",
        ),
    ],
)
def test_a_training_that_fails_says_how(make_job, tmp_path, monkeypatch, script, message):
    failing = tmp_path / "python"
    failing.write_text(f"#!/bin/sh\n{script}\n")
    failing.chmod(0o755)
    monkeypatch.setattr(fairseq.sys, "executable", str(failing))
    with pytest.raises(InputError, match=message):
        fairseq.pretrain_with_fairseq(make_job(), Saving(tmp_path / "state", "t"))


def test_says_how_fairseq_is_installed(make_job, tmp_path, monkeypatch):
    monkeypatch.setattr(fairseq, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="fairseq is not installed: pip install"):
        fairseq.pretrain_with_fairseq(make_job(), Saving(tmp_path / "state", "t"))
