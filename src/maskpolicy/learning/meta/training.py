"""Training the network of a meta-learned policy on a downstream task (Ye et al. 2021, 4.3)."""

from dataclasses import asdict
from pathlib import Path

from maskpolicy.artefacts import atomic_directory, write_manifest, write_text
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.errors import ArtefactError
from maskpolicy.learning.files import PolicyFiles
from maskpolicy.learning.meta.inner_loss import load_inner_loss
from maskpolicy.learning.meta.learner import MetaLearner
from maskpolicy.learning.meta.specs import MetaTraining
from maskpolicy.learning.meta.triples import TripleCounts, Triples, read_triples
from maskpolicy.models.devices import choose_device
from maskpolicy.policies.meta.network import network_on
from maskpolicy.policies.token_network import save_network
from maskpolicy.randomness import key
from maskpolicy.tasks.seq2seq import read_examples
from maskpolicy.training.fit import fit
from maskpolicy.training.state import Saving, fingerprint


def train_meta_policy(files: PolicyFiles, training: MetaTraining, seed: int, title: str) -> None:
    """Learn what to mask in contexts so that a model learns their targets faster; write it.

    Reads train.arrow and dev.arrow of the task and nothing else of it, a BART checkpoint and its
    tokenizer. Of the evaluated networks the one with the lowest objective on dev is kept. Writes
    network.safetensors, log.csv (a line a step), learning-curve.svg and manifest.json to a folder.
    An interrupted training goes on from `files.state`, if settings and inputs are the same.

    Raises ArtefactError, naming the file: no example has a context, texts longer than the model, or
    a file that can't be read. Raises PolicyCollapsed when everything or nothing is masked for long,
    and Diverged when the inner loop does.
    """
    tokenizer = load_tokenizer(files.tokenizer)
    inner_loss = load_inner_loss(files.checkpoint, tokenizer.mask).to(choose_device())
    config = inner_loss.model.config
    tokenizer.refuse_smaller_model(config.vocab_size, files.checkpoint)
    room = config.max_position_embeddings - 2
    train, train_counts = _read(files.split("train"), tokenizer, training, room)
    dev, dev_counts = _read(files.split("dev"), tokenizer, training, room)

    identity = fingerprint([training.model_dump(), seed], files.inputs)
    embeddings = inner_loss.model.get_input_embeddings().weight.detach()
    network = network_on(embeddings, int(key(seed, "network") >> 1), training.budget)
    network.to(choose_device())
    with Saving(files.state, identity) as saving:
        learner = MetaLearner(
            title, network, inner_loss, train=train, dev=dev, training=training, seed=seed
        )
        fit(learner, saving)
        _write(files.output, learner, train_counts, dev_counts)


def _write(output: Path, learner: MetaLearner, train: TripleCounts, dev: TripleCounts) -> None:
    """Write the trained network and what its training showed."""
    history = learner.history
    with atomic_directory(output) as folder:
        network_file = save_network(learner.network, folder)
        log, curve = folder / "log.csv", folder / "learning-curve.svg"
        history.write_log(log)
        write_text(curve, history.learning_curve())
        write_manifest(
            folder / "manifest.json",
            [network_file, log, curve],
            method=learner.training.method,
            task=learner.training.task,
            seed=learner.seed,
            train=asdict(train),
            dev=asdict(dev),
            best_step=history.best().step,
            evaluations=[asdict(evaluation) for evaluation in history.evaluations],
        )


def _read(
    path: Path, tokenizer: Tokenizer, training: MetaTraining, room: int
) -> tuple[Triples, TripleCounts]:
    """The triples of a split. Raises ArtefactError with counts where there are none.

    Nothing is cut that the settings do not ask to cut: texts longer than the `room` of the model,
    in tokens beside BOS and EOS, are an error too.
    """
    triples, counts = read_triples(tokenizer, read_examples(path), training, room)
    if not len(triples):
        raise ArtefactError(f"{path}: none of {counts.examples} examples has a context")
    for part, asked, most, cut, longest in (
        ("context", training.context_length, room, counts.cut_contexts, counts.longest_context),
        ("source", training.source_length, room + 2, counts.cut_sources, counts.longest_source),
        ("target", training.target_length, room + 2, counts.cut_targets, counts.longest_target),
    ):
        if longest > room and (asked is None or asked > most):
            raise ArtefactError(
                f"{path}: {cut} {part}s are longer than the {room} tokens of the model (the longest"
                f" has {longest}); set `{part}_length` to at most {most} to cut them"
            )
    return triples, counts
