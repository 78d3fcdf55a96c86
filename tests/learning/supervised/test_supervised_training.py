"""Training a supervised policy: what it learns, from what, and that it can be interrupted."""

import json
import math
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from maskpolicy.errors import ArtefactError, Diverged
from maskpolicy.learning.files import PolicyFiles
from maskpolicy.learning.supervised import learner
from maskpolicy.learning.supervised.learner import mean_loss, target_losses
from maskpolicy.learning.supervised.specs import SupervisedTraining
from maskpolicy.learning.supervised.targets import find_targets
from maskpolicy.learning.supervised.training import train_supervised_policy
from maskpolicy.policies.supervised.network import SpanNetwork
from maskpolicy.policies.token_network import load_network
from maskpolicy.tasks.seq2seq import write_examples

SETTINGS = {
    "method": "supervised",
    "model": "tiny",
    "task": "towns",
    "epochs": 12,
    "batch_size": 8,
    "learning_rate": 0.02,
}


@pytest.fixture
def train(checkpoint, tokenizer_folder, task, tmp_path):
    """Train and return the folder of the policy."""

    def run(name="policy", task=task, tokenizer=tokenizer_folder, seed=0, **settings):
        record = SupervisedTraining(**SETTINGS | settings)
        files = PolicyFiles(task, checkpoint, tokenizer, tmp_path / "state", tmp_path / name)
        train_supervised_policy(files, record, seed, "towns")
        return files.output

    return run


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())


def test_it_learns_to_find_targets(train):
    folder = train()
    facts = manifest(folder)
    assert facts["train"]["found"] == 48
    assert facts["dev"]["found"] == 16
    assert facts["dev"]["top1_hits"] > 0.9
    assert facts["dev"]["top5_hits"] == 1.0
    dev = facts["losses"]["dev"]
    assert dev[facts["best_epoch"] - 1] == min(dev)
    assert load_network(folder, SpanNetwork).embeddings.num_embeddings == 320
    assert b"<svg" in (folder / "learning-curve.svg").read_bytes()


def test_the_best_epoch_is_kept(train, tokenizer, task, towns, tmp_path):
    """Dev asks for the port, which train never does, so that learning makes it worse."""
    other = shutil.copytree(task, tmp_path / "other")
    ports = [e.context.split("Port: ")[1].split(".")[0] for e in towns(48, 16)]
    examples = [
        e.__class__(e.id, e.context, e.source, port, (port,))
        for e, port in zip(towns(48, 16), ports, strict=True)
    ]
    write_examples(other / "dev.arrow", examples)
    folder = train(task=other)
    losses = manifest(folder)["losses"]["dev"]
    assert losses[-1] > min(losses)
    targets = [[e.answers] for e in examples]
    dev, _ = find_targets(tokenizer, [e.context for e in examples], targets)
    assert mean_loss(load_network(folder, SpanNetwork), dev, 8) == pytest.approx(
        min(losses), abs=2e-4
    )


def test_the_same_seed_gives_the_same_files(train):
    one = contents(train("one", epochs=2))
    assert contents(train("two", epochs=2)) == one
    assert contents(train("three", epochs=2, seed=1)) != one


def test_the_test_split_is_never_seen(train, task, towns, tmp_path):
    """A marker planted in the test split, or the split itself gone, changes nothing."""
    expected = contents(train("expected", epochs=2))
    marked = shutil.copytree(task, tmp_path / "marked")
    write_examples(marked / "test.arrow", towns(48, 16) + towns(900, 40))
    assert contents(train("marked-policy", task=marked, epochs=2)) == expected
    (marked / "test.arrow").unlink()
    assert contents(train("no-test-policy", task=marked, epochs=2)) == expected


class Interruption(Exception):
    pass


@pytest.fixture
def interrupt(monkeypatch):
    """Save after every step, and interrupt the training while it evaluates epoch `number`."""
    monkeypatch.setattr("maskpolicy.training.state.SAVE_EVERY", 0.0)
    monkeypatch.setattr("maskpolicy.training.state.SHARE_OF_TIME", float("inf"))
    evaluate, evaluated = learner.mean_loss, []

    def arm(number):
        def interrupted(*arguments):
            evaluated.append(1)
            if len(evaluated) == number:
                raise Interruption
            return evaluate(*arguments)

        monkeypatch.setattr(learner, "mean_loss", interrupted)
        return evaluated

    return arm


def test_an_interrupted_training_goes_on_where_it_was(train, interrupt, tmp_path):
    straight = contents(train("straight", epochs=5))
    evaluated = interrupt(4)
    with pytest.raises(Interruption):
        train("resumed", epochs=5)
    assert not (tmp_path / "resumed").exists()
    assert list((tmp_path / "state").iterdir())
    assert contents(train("resumed", epochs=5)) == straight
    assert len(evaluated) == 4 + 2, "three epochs were not trained again"
    assert not (tmp_path / "state").exists()


def test_it_goes_on_within_an_epoch(train, interrupt, monkeypatch):
    straight = contents(train("straight", epochs=3))
    interrupt(100)  # save after every step, evaluate to the end
    take, taken = learner.SpanLearner.take, []

    def interrupted(self, step):
        taken.append(step)
        if len(taken) == 9:
            raise Interruption
        return take(self, step)

    monkeypatch.setattr(learner.SpanLearner, "take", interrupted)
    with pytest.raises(Interruption):
        train("resumed", epochs=3)
    assert contents(train("resumed", epochs=3)) == straight
    assert taken == [*range(9), *range(8, 18)], "an epoch has six steps"


def test_one_that_is_terminated_ends_as_an_undisturbed_one(train, monkeypatch):
    straight = contents(train("straight", epochs=3))
    take, taken = learner.SpanLearner.take, []

    def terminated(self, step):
        taken.append(step)
        if len(taken) == 9:
            signal.raise_signal(signal.SIGTERM)
        return take(self, step)

    monkeypatch.setattr(learner.SpanLearner, "take", terminated)
    with pytest.raises(SystemExit) as end:
        train("stopped", epochs=3)
    assert end.value.code == 143
    assert contents(train("stopped", epochs=3)) == straight
    assert taken == list(range(18)), "no step was taken twice"


def test_another_training_does_not_go_on_from_the_state(train, interrupt):
    expected = contents(train("expected", epochs=3, seed=1))
    interrupt(3)
    with pytest.raises(Interruption):
        train(epochs=3)
    assert contents(train(epochs=3, seed=1)) == expected


def test_a_task_without_targets_is_refused(train, task, towns, tmp_path):
    other = shutil.copytree(task, tmp_path / "other")
    examples = [*towns(0, 3)]
    hidden = [e.__class__(e.id, e.context, e.source, "Nowhere", ("Nowhere",)) for e in examples]
    bare = [e.__class__(e.id, "", e.source, e.target, e.answers) for e in towns(3, 2)]
    write_examples(other / "dev.arrow", hidden + bare)
    with pytest.raises(ArtefactError, match=r"dev\.arrow: none of 5 .* 3 have it nowhere, 2 "):
        train(task=other)


def test_contexts_longer_than_the_model_are_refused_or_cut(train, task, towns, tmp_path):
    other = shutil.copytree(task, tmp_path / "other")
    long = [
        e.__class__(e.id, e.context + " and so on" * 30, e.source, e.target, e.answers)
        for e in towns(0, 2)
    ]
    write_examples(other / "train.arrow", long + towns(2, 20))
    with pytest.raises(ArtefactError, match=r"train\.arrow: 2 contexts .* the 62 tokens") as raised:
        train(task=other)
    assert "context_length" in str(raised.value)
    facts = manifest(train(task=other, context_length=40, epochs=1))
    assert facts["train"]["cut_contexts"] == 2
    assert facts["train"]["found"] == 22


def test_a_tokenizer_of_another_model_is_refused(make_tiny_bart, train, checkpoint):
    make_tiny_bart(vocab_size=40).save_pretrained(checkpoint)
    with pytest.raises(ArtefactError, match="knows 40 tokens, but its tokenizer"):
        train()


def test_a_diverging_training_is_stopped(train):
    with pytest.raises(Diverged, match="lower the learning rate"):
        train(learning_rate=1e38, epochs=3)


@pytest.fixture
def make_news(towns, tmp_path):
    """Makes a summarization task, and its oracle: of each article but one the same sentences."""

    def make(*sentences):
        folder, oracle = tmp_path / "news", tmp_path / "oracle.jsonl"
        folder.mkdir(exist_ok=True)
        lines = []
        for split, first in (("train", 0), ("dev", 30)):
            examples = []
            for e in towns(first, 20):
                article = e.context.replace(". Area", ", the seat of a king and of his court. Area")
                article = article.replace(". ", ".\n")
                examples.append(e.__class__(e.id, article, e.source, "A summary.", ()))
            write_examples(folder / f"{split}.arrow", examples)
            lines += [{"id": e.id, "sent_id": sentences} for e in examples[1:]]
        oracle.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return {"task": folder, "targets": "sentences", "oracle": str(oracle)}

    return make


def test_sentences_of_a_given_summary_are_targets(train, make_news):
    facts = manifest(train(**make_news(2)))
    assert (facts["train"]["found"], facts["train"]["missing"]) == (19, 1)
    assert facts["train"]["longest_target"] > 10, "longer than spans of answers"
    assert facts["dev"]["top1_hits"] > 0.5
    with pytest.raises(ValidationError, match="targets: sentences"):
        SupervisedTraining(**SETTINGS, oracle="oracle.jsonl")


def test_an_oracle_of_other_examples_is_refused(train, make_news):
    news = make_news(1)
    Path(news["oracle"]).write_text('{"sent_id": [1]}\n')
    with pytest.raises(ArtefactError, match=r"oracle\.jsonl: no line is of any of 20 examples"):
        train(**news)


def test_examples_are_counted_whatever_their_sentences(train, make_news):
    news = make_news(1, 2)
    assert manifest(train(**news, epochs=1))["train"]["found"] == 19
    cut_off = r"none of 20 examples has a target .* which 3 .*\(19 have theirs beyond"
    with pytest.raises(ArtefactError, match=cut_off):
        train(**news, context_length=3)


def test_the_loss_is_that_of_any_occurrence(tokenizer):
    """-log of the probability of all occurrences; of one it is the cross-entropy of both ends."""
    contexts = ["Port: Kaloma. Capital: Kaloma.", "Capital: Borati."]
    found, _ = find_targets(tokenizer, contexts, [[("Kaloma",)], [("Borati",)]])
    torch.manual_seed(0)
    network = SpanNetwork(320, 16)
    losses = target_losses(network, found, np.array([1, 0])).detach()

    def probabilities(context):
        ids = found.input_ids[found.offsets[context] : found.offsets[context + 1]]
        ids = torch.from_numpy(ids.astype(np.int64))[None]
        return network(ids, torch.tensor([ids.shape[1]]))[0].softmax(dim=0).detach().numpy()

    for place, context in enumerate((1, 0)):
        p = probabilities(context)
        spans = slice(found.span_offsets[context], found.span_offsets[context + 1])
        total = sum(
            p[start, 0] * p[end - 1, 1]
            for start, end in zip(found.start[spans], found.end[spans], strict=True)
        )
        assert losses[place].item() == pytest.approx(-math.log(total), rel=1e-5)
