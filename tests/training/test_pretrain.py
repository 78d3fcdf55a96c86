"""Pre-training reads the masks of each epoch in turn and leaves a checkpoint with a manifest."""

import json
import shutil
from contextlib import contextmanager
from itertools import islice, pairwise

import pytest
import torch
from support.training import decide, pretraining_corpus
from transformers import AutoTokenizer

from maskpolicy.artefacts import atomic_directory, sha256
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.corruption.objective import Objective
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.models.checkpoints import save_model
from maskpolicy.models.encoder import load_masked_lm
from maskpolicy.models.families.seq2seq import Seq2SeqFamily
from maskpolicy.models.initialise import initialise_model
from maskpolicy.models.labels import IGNORED
from maskpolicy.models.seq2seq import load_model
from maskpolicy.models.specs import EncoderArchitecture, EncoderModel
from maskpolicy.policies import specs
from maskpolicy.training.kept_results import forget_results
from maskpolicy.training.masked_data import MaskedBatches
from maskpolicy.training.pretrain import pretrain
from maskpolicy.training.specs import Pretraining
from maskpolicy.training.trainers.base import PretrainingJob, stop_folder

EPOCHS = 3
OBJECTIVE = Objective(source="token", target="full")
IN_PLACE = Objective(source="token", target="in-place")
COPIES = 3


def batches_of(materials, masks, objective, copies, batch_size):
    """Batches for a model that takes 64 tokens, with seed 0."""
    corpus = pretraining_corpus(materials, masks, objective)
    return MaskedBatches(corpus, copies=copies, max_length=64, batch_size=batch_size)


@pytest.fixture
def masks(materials):
    """Decisions of `rand` for every epoch and shard."""
    return decide(materials, "rand", specs.RandomTokens(kind="rand", rate=0.3), EPOCHS)


@pytest.fixture
def batches_of_copies(materials):
    """The first pass of fully-explored and of independent masks, as many copies of each row."""
    explored = specs.FullyExplored(kind="fully-explored", rate=0.2, masks=COPIES, unit="token")
    independent = specs.RandomTokens(kind="rand", rate=0.2)

    def first_pass(name, spec):
        masks = decide(materials, name, spec, 2 * COPIES)
        batches = batches_of(materials, masks, IN_PLACE, COPIES, 2 * COPIES)
        return list(islice(batches, len(batches.renderer.tokens) // 2))

    return first_pass("explored", explored), first_pass("independent", independent)


def train_on(checkpoint, materials, masks, objective, stage, output):
    """Pre-train with one copy of a row and seed 0."""
    state = materials.folder / "state"
    corpus = pretraining_corpus(materials, masks, objective)
    pretrain(PretrainingJob(checkpoint, corpus, 1, stage, 0, "t"), state, output)
    assert not list(state.glob("*.safetensors"))
    forget_results(state)  # else the next one, to be compared, would take it


def predicted(batch):
    """Which positions are predicted, bool [copies, rows, W]."""
    return (batch.target != IGNORED).unflatten(0, (COPIES, -1))


def test_copies_of_a_row_stay_in_one_step(batches_of_copies):
    for batches in batches_of_copies:
        for batch in batches:
            # What is shown and what is predicted are together the same row in every copy.
            whole = torch.where(batch.target == IGNORED, batch.source, batch.target)
            rows = whole.unflatten(0, (COPIES, -1))
            assert (rows == rows[0]).all()


def test_fully_explored_copies_have_the_stated_distance_after_rendering(batches_of_copies):
    explored, independent = batches_of_copies
    for batch in explored:
        masks = predicted(batch)
        sizes = masks[0].sum(-1)
        for i in range(COPIES):
            for j in range(i):
                assert ((masks[i] != masks[j]).sum(-1) == 2 * sizes).all()
    overlap = sum(int((predicted(b)[0] & predicted(b)[1]).sum()) for b in independent)
    assert overlap > 0


def test_independent_and_fully_explored_masks_cost_the_same(batches_of_copies):
    explored, independent = batches_of_copies
    for one, other in zip(explored, independent, strict=True):
        assert one.source.shape == other.source.shape
        assert torch.equal(predicted(one).sum(-1), predicted(other).sum(-1))
        assert one.tokens(padding=0) == other.tokens(padding=0)


def test_copies_cost_as_much_as_different_sequences(materials):
    """Over the same masks: as many steps, sequences in each and masked tokens in all."""
    files = decide(materials, "rand", specs.RandomTokens(kind="rand", rate=0.2), 5)
    costs = []
    for copies in (1, 5):
        batches = batches_of(materials, files, IN_PLACE, copies, 20)
        steps = list(islice(batches, 5 * len(batches.renderer.tokens) // 20))
        masked = sum(int((batch.target != IGNORED).sum()) for batch in steps)
        costs.append(([len(batch.source) for batch in steps], masked))
    assert costs[0] == costs[1]
    assert costs[0][0] == [20] * 10


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_an_encoder_learns_in_place_and_keeps_checkpoints_on_its_way(materials, masks, family):
    architecture = EncoderArchitecture(
        family=family, hidden_size=16, layers=1, attention_heads=2, ffn_dim=32, max_positions=64
    )
    initial, output = materials.folder / "initial", materials.folder / "trained"
    model = EncoderModel(family="encoder", tokenizer="t", architecture=architecture)
    initialise_model(model, materials.tokenizer, 0, initial)
    stage = Pretraining(
        corpus="c", mask_epochs=EPOCHS, steps=30, batch_size=8, learning_rate=0.02, stops=(10, 20)
    )
    noisy = IN_PLACE.model_copy(update={"random": 0.1, "keep": 0.1})
    train_on(initial, materials, masks, noisy, stage, output)
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["losses"][-1] < 0.8 * manifest["losses"][0]
    assert list(manifest["stops"]) == ["10", "20"]
    weights = [
        load_masked_lm(folder).get_input_embeddings().weight
        for folder in (initial, stop_folder(output, 10), stop_folder(output, 20), output)
    ]
    assert not any(torch.equal(a, b) for a, b in pairwise(weights))


def test_a_pass_reads_every_row_under_the_masks_of_its_epoch(materials, masks):
    tokenizer = load_tokenizer(materials.tokenizer)
    batches = batches_of(materials, masks, OBJECTIVE, 1, 8)
    per_pass = -(-len(batches.renderer.tokens) // 8)
    stream = list(islice(batches, per_pass * (EPOCHS + 1)))
    passes = [stream[i * per_pass : (i + 1) * per_pass] for i in range(EPOCHS + 1)]

    def rows(batches, side):
        return sorted(
            tuple(t for t in row if t != tokenizer.pad)
            for batch in batches
            for row in getattr(batch, side).tolist()
        )

    assert rows(passes[0], "target") == rows(passes[1], "target")  # the same text
    assert rows(passes[0], "source") != rows(passes[1], "source")  # under other masks
    assert rows(passes[0], "source") == rows(passes[EPOCHS], "source")  # that start over


def test_masks_of_another_corpus_are_refused(materials, masks):
    swapped = [[second, first] for first, second in masks]
    batches = batches_of(materials, swapped, OBJECTIVE, 1, 8)
    with pytest.raises(ArtefactError, match="does not belong"):
        next(iter(batches))


def test_rows_longer_than_the_model_are_refused(materials, masks, make_tiny_bart):
    tokenizer = load_tokenizer(materials.tokenizer)
    model = make_tiny_bart(vocab_size=tokenizer.vocabulary_size, max_position_embeddings=16)
    short = materials.folder / "short"
    save_model(model, tokenizer, short)
    stage = Pretraining(corpus="c", mask_epochs=EPOCHS, steps=2, batch_size=8, learning_rate=0.01)
    with pytest.raises(InputError, match=r"up to \d+ tokens, .* more than the 16 of .*short"):
        train_on(short, materials, masks, OBJECTIVE, stage, materials.folder / "output")


def test_sentinels_that_the_tokenizer_lacks_are_named(materials, masks):
    objective = Objective(source="sentinel", target="sentinel")
    with pytest.raises(InputError, match=r"objective\.source: `sentinel` needs T5's sentinels"):
        batches_of(materials, masks, objective, 1, 8)


def test_an_objective_of_another_family_is_refused(materials, masks):
    stage = Pretraining(corpus="c", mask_epochs=EPOCHS, steps=2, batch_size=8, learning_rate=0.01)
    with pytest.raises(InputError, match="for encoder models, not for a sequence-to-sequence"):
        train_on(materials.checkpoint, materials, masks, IN_PLACE, stage, materials.folder / "o")


def test_the_checkpoint_is_trained_and_repeats_exactly(materials, masks):
    stage = Pretraining(
        corpus="c", mask_epochs=EPOCHS, steps=25, batch_size=8, learning_rate=0.01, warmup=0.1
    )
    outputs = [materials.folder / "one", materials.folder / "two"]
    for output in outputs:
        train_on(materials.checkpoint, materials, masks, OBJECTIVE, stage, output)
    manifests = [json.loads((output / "manifest.json").read_text()) for output in outputs]
    assert manifests[0] == manifests[1]
    assert manifests[0]["steps"] == 25
    assert manifests[0]["losses"][-1] < 0.8 * manifests[0]["losses"][0]
    text = "The capital of land 3 is town 21."
    [expected] = load_tokenizer(materials.tokenizer).encode([text], 99)
    assert AutoTokenizer.from_pretrained(outputs[0])(text)["input_ids"] == expected
    before, after = load_model(materials.checkpoint), load_model(outputs[0])
    assert not torch.equal(before.model.shared.weight, after.model.shared.weight)


def test_a_stage_can_read_its_steps_in_parts(materials, masks, monkeypatch):
    """The same losses to rounding, and no more rows at once than it says."""
    read = []
    loss = Seq2SeqFamily.pretraining_loss

    def reading(self, model, batch, smoothing):
        read.append(len(batch.source))
        return loss(self, model, batch, smoothing)

    monkeypatch.setattr(Seq2SeqFamily, "pretraining_loss", reading)
    stage = Pretraining(
        corpus="c",
        mask_epochs=EPOCHS,
        steps=4,
        batch_size=8,
        learning_rate=1e-3,
        label_smoothing=0.1,
    )
    manifests = []
    for name, settings in (("whole", {}), ("parts", {"examples_at_once": 3})):
        output = materials.folder / name
        changed = stage.model_copy(update=settings)
        train_on(materials.checkpoint, materials, masks, OBJECTIVE, changed, output)
        manifests.append(json.loads((output / "manifest.json").read_text()))
    assert read == [8] * 4 + [3, 3, 2] * 4
    assert manifests[1]["losses"] == pytest.approx(manifests[0]["losses"], abs=2e-4)
    assert manifests[1]["tokens"] == manifests[0]["tokens"]


def test_an_interrupted_training_goes_on_as_if_it_had_not_been(materials, masks, monkeypatch):
    """Interrupted twice: the first time after its first checkpoint was kept."""
    monkeypatch.setattr("maskpolicy.training.state.SAVE_EVERY", 0.0)
    monkeypatch.setattr("maskpolicy.training.state.SHARE_OF_TIME", 1e9)
    stage = Pretraining(
        corpus="c", mask_epochs=EPOCHS, steps=20, batch_size=8, learning_rate=0.01, stops=(4, 15)
    )
    whole, output = materials.folder / "whole", materials.folder / "interrupted"
    train_on(materials.checkpoint, materials, masks, OBJECTIVE, stage, whole)

    rendered = MaskedBatches.rendered
    read = []

    def interrupted(self, *arguments):
        if len(read) in (6, 13):
            read.append(None)
            raise KeyboardInterrupt
        read.append(None)
        return rendered(self, *arguments)

    monkeypatch.setattr(MaskedBatches, "rendered", interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train_on(materials.checkpoint, materials, masks, OBJECTIVE, stage, output)
        assert not output.exists()
    train_on(materials.checkpoint, materials, masks, OBJECTIVE, stage, output)
    assert len(read) == 20 + 2  # no batch is rendered twice
    for name in ("manifest.json", "model.safetensors", "step-4/model.safetensors"):
        assert (output / name).read_bytes() == (whole / name).read_bytes()


def test_another_training_does_not_go_on_from_it(materials, masks, monkeypatch):
    monkeypatch.setattr("maskpolicy.training.state.SAVE_EVERY", 0.0)
    monkeypatch.setattr(
        "maskpolicy.training.loop.learning_rate_at", lambda step, *_: 1e-3 if step < 9 else 1 / 0
    )
    stage = Pretraining(corpus="c", mask_epochs=EPOCHS, steps=12, batch_size=8, learning_rate=0.01)
    output = materials.folder / "output"
    with pytest.raises(ZeroDivisionError):
        train_on(materials.checkpoint, materials, masks, OBJECTIVE, stage, output)
    monkeypatch.undo()
    other = stage.model_copy(update={"batch_size": 4})
    with pytest.raises(AssertionError, match="state"):  # that of the first is kept
        train_on(materials.checkpoint, materials, masks, OBJECTIVE, other, output)
    assert json.loads((output / "manifest.json").read_text())["steps"] == 12


def test_checkpoints_of_stops_outlast_a_kill_before_the_result_is_in_its_place(
    materials, masks, tmp_path, monkeypatch
):
    @contextmanager
    def killed(path):
        with atomic_directory(path) as folder:
            yield folder
            raise KeyboardInterrupt

    monkeypatch.setattr("maskpolicy.training.state.SAVE_EVERY", 0.0)
    monkeypatch.setattr("maskpolicy.training.state.SHARE_OF_TIME", 1e9)  # after each step
    stage = Pretraining(
        corpus="c", mask_epochs=2, steps=4, batch_size=8, learning_rate=0.01, stops=(2,)
    )
    corpus = pretraining_corpus(materials, masks, OBJECTIVE)
    job = PretrainingJob(materials.checkpoint, corpus, 1, stage, 0, "t")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("maskpolicy.training.pretrain.atomic_directory", killed)
        pretrain(job, tmp_path / "state", tmp_path / "output")
    pretrain(job, tmp_path / "state", tmp_path / "output")
    stop = stop_folder(tmp_path / "output", 2) / "model.safetensors"
    facts = json.loads((tmp_path / "output" / "manifest.json").read_text())
    assert facts["stops"] == {"2": sha256(stop)}


def test_a_checkpoint_that_was_deleted_is_not_trained_again(materials, masks, tmp_path, capfd):
    stage = Pretraining(
        corpus="c", mask_epochs=2, steps=4, batch_size=8, learning_rate=0.01, stops=(2,)
    )
    corpus = pretraining_corpus(materials, masks, OBJECTIVE)
    job = PretrainingJob(materials.checkpoint, corpus, 1, stage, 0, "t")
    output, state = tmp_path / "output", tmp_path / "state"
    pretrain(job, state, output)
    files = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    shutil.rmtree(output)
    capfd.readouterr()
    pretrain(job, state, output)
    assert capfd.readouterr().err == "t: an earlier job trained it to its end, which is taken\n"
    assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == files
