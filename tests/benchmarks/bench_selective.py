"""How fast important tokens are found and marked on one core, beside the plain ways to do it.

Everything is measured in one run, on real text: sentences of MR, which a small BERT has learned to
classify. Finding important tokens is compared with the plain loop (a token at a time, one forward
pass each, of a batch of one) and with the form of the authors' released scripts (batches of 32,
padded to 128 tokens); marking in-domain text with the latter (padded to 256). Decisions must be the
same. A time is the CPU time of one thread, the median of several repetitions in which all take
turns. (Wall-clock time of two threads told of the machine's other work: threads that share a batch
of one wait for each other, and the plain loop came out 2 to 26 times as slow as ours.)
"""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import torch
from support.benchmark_report import Row, report
from transformers import PreTrainedModel

from maskpolicy.corpora.alignment import align
from maskpolicy.corpora.documents import write_documents
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer, train_tokenizer
from maskpolicy.decisions.base import Address
from maskpolicy.learning.selective.importance import LabelProbabilities, find_important_tokens
from maskpolicy.learning.selective.specs import PRESETS
from maskpolicy.models.bert import create_encoder
from maskpolicy.models.classifier import Classifier
from maskpolicy.models.encoder import load_token_classifier
from maskpolicy.models.inference import SequenceInference
from maskpolicy.models.layout import EncoderInputs
from maskpolicy.models.specs import EncoderArchitecture
from maskpolicy.policies.selective.policy import SelectiveMasking
from maskpolicy.policies.selective.selector import SELECTOR, Selector
from maskpolicy.policies.specs import Selective
from maskpolicy.sources.base import ClassificationExample, Document
from maskpolicy.sources.movie_reviews import read_reviews
from maskpolicy.training.finetune import fit_task
from maskpolicy.training.specs import EncoderTraining

REPETITIONS = 5
SENTENCES = 500  # that take their steps together; all of MR are twenty times as many
PEER_SENTENCES = 32
MARKED = 250  # IMDB reviews
PEER_MARKED = 10
LABELS = ("negative", "positive")
THRESHOLD = PRESETS["paper"].threshold

# BERT-tiny (Turc et al. 2019).
ARCHITECTURE = EncoderArchitecture(hidden_size=128, layers=2, attention_heads=2, ffn_dim=512)


def main() -> None:
    """Train a small classifier, measure, and report."""
    torch.set_num_threads(1)
    examples = [
        ClassificationExample(str(review.number), review.text, None, review.label)
        for review in read_reviews("rotten_tomatoes")
    ]
    reviews = [review.text for review in read_reviews("imdb")][:: 25_000 // MARKED]
    rows: list[Row] = []
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tokenizer = make_tokenizer(folder, [example.text for example in examples])
        rows += finding_rows(
            make_classifier(folder, tokenizer, examples), tokenizer, examples[2::16][:SENTENCES]
        )
        rows += marking_rows(folder, tokenizer, reviews)
    notes = [
        f"BERT-tiny (2 layers of 128), one thread; {SENTENCES} sentences of MR (peers: "
        f"{PEER_SENTENCES} of them), {len(reviews)} reviews of IMDB (peers: {PEER_MARKED}).",
        "Matrix products are 60 % of our time: ten times the plain loop is within reach only of",
        "models smaller still, or where threads hinder that loop. A large encoder is bound by its",
        "arithmetic even in a batch of one: the larger the model, the less there is to gain over",
        "the plain loop, and the more over padding.",
    ]
    report("selective", "Selective masking: tokens a second", rows, notes)


def make_tokenizer(folder: Path, texts: list[str]) -> Tokenizer:
    """A byte-level BPE of MR's own words."""
    documents = folder / "documents"
    write_documents([Document("", text) for text in texts], documents)
    spec = TrainedTokenizer(train_on=("mr",), vocabulary_size=8000)
    train_tokenizer([documents], spec, folder / "tokenizer")
    return load_tokenizer(folder / "tokenizer")


def make_classifier(
    folder: Path, tokenizer: Tokenizer, examples: list[ClassificationExample]
) -> Classifier:
    """A classifier that has learned enough for its buffers to be as long as those of a good one."""
    create_encoder(ARCHITECTURE, tokenizer, seed=0).save_pretrained(folder / "encoder")
    training = EncoderTraining(learning_rate=1e-3, batch_size=32, epochs=2, max_length=64)
    learned, dev = examples[::2], examples[1::20]
    classifier = Classifier.load(folder / "encoder", tokenizer, LABELS, training.max_length, 0)
    epochs = fit_task(
        classifier, learned, dev, training.on(len(learned)), seed=0, title="BERT-tiny learns MR"
    )
    print(f"Accuracy of the classifier on dev: {max(epoch.dev for epoch in epochs):.3f}")
    return classifier


def finding_rows(
    classifier: Classifier, tokenizer: Tokenizer, examples: list[ClassificationExample]
) -> list[Row]:
    """Tokens a second of finding important tokens, and of both peers on some of the sentences."""
    model = classifier.model.eval()
    inputs, labels = classifier.encode(examples), classifier.targets(examples)
    # Of all lengths, as many as there are: the peers' time for a token grows with its sentence.
    of_peers = np.argsort(inputs.lengths, kind="stable")[:: len(inputs) // PEER_SENTENCES]
    few = inputs.take(of_peers)

    def ours() -> np.ndarray:
        probabilities = LabelProbabilities(SequenceInference(model), inputs, labels)
        everything, begins = np.arange(len(inputs)), np.ones(len(inputs), np.int32)
        return find_important_tokens(
            probabilities, everything, begins, tokenizer.eos, THRESHOLD, "important tokens"
        )

    (plain, plain_found), (released, released_found), (seconds, found) = cpu_seconds(
        lambda: plain_loop(model, few, labels[of_peers]),
        lambda: released_form(model, few, labels[of_peers]),
        ours,
    )
    found = found[of_peers, : plain_found.shape[1]]
    differences = int((found != plain_found).sum() + (found != released_found).sum())
    assert differences == 0, f"{differences} decisions differ"

    def row(what: str, read: EncoderInputs, seconds: float) -> Row:
        return Row(f"finding: {what}", int((read.lengths - 2).sum()) / seconds, "tokens/s")

    peers = [
        row("plain loop, batches of 1", few, plain),
        row("as released, batches of 32 padded to 128", few, released),
    ]
    step_together = row("sentences step together", inputs, seconds)
    return [*peers, *(step_together.against(peer) for peer in peers)]


@torch.inference_mode()
def plain_loop(model: PreTrainedModel, inputs: EncoderInputs, labels: np.ndarray) -> np.ndarray:
    """Gu et al. 2020, 2.2, as one would write it down."""

    def probability(ids: list[int], label: int) -> float:
        return model(input_ids=torch.tensor([ids])).logits.softmax(-1)[0, label].item()

    important = np.zeros(inputs.ids.shape, np.bool_)
    for row, label, marks in zip(unpadded(inputs), labels, important, strict=True):
        whole = probability(row, label)
        buffer = row[:1]
        for position, token in enumerate(row[1:-1], start=1):
            buffer.append(token)
            if whole - probability([*buffer, row[-1]], label) < THRESHOLD:
                marks[position] = True
                buffer.pop()
    return important


@torch.inference_mode()
def released_form(model: PreTrainedModel, inputs: EncoderInputs, labels: np.ndarray) -> np.ndarray:
    """The same as the authors' scripts do it: sentences step together, padded to 128 tokens."""
    rows = unpadded(inputs)
    eos, pad = rows[0][-1], model.config.pad_token_id

    def probabilities(sequences: list[list[int]], labels: np.ndarray) -> np.ndarray:
        padded = torch.tensor([ids + [pad] * (128 - len(ids)) for ids in sequences])
        read = [
            model(input_ids=part, attention_mask=(part != pad).long()).logits.softmax(-1)
            for part in padded.split(32)
        ]
        return torch.cat(read).numpy()[np.arange(len(sequences)), labels]

    important = np.zeros(inputs.ids.shape, np.bool_)
    whole = probabilities(rows, labels)
    buffers = [row[:1] for row in rows]
    walking = np.arange(len(rows))
    for position in range(1, inputs.ids.shape[1] - 1):
        walking = walking[[len(rows[i]) - 1 > position for i in walking]]
        for i in walking:
            buffers[i].append(rows[i][position])
        parts = probabilities([[*buffers[i], eos] for i in walking], labels[walking])
        for i in walking[whole[walking] - parts < THRESHOLD]:
            important[i, position] = True
            buffers[i].pop()
    return important


def marking_rows(folder: Path, tokenizer: Tokenizer, reviews: list[str]) -> list[Row]:
    """Tokens a second of marking in-domain text, and of the released scripts' form of it."""
    network = folder / "network"
    model = load_token_classifier(folder / "encoder", 2)
    model.save_pretrained(network)
    Selector(
        preset="paper",
        largest_share=None,
        max_length=256,
        bos=tokenizer.bos,
        eos=tokenizer.eos,
        pad=tokenizer.pad,
        vocabulary_size=tokenizer.vocabulary_size,
    ).write(network / SELECTOR)
    sentences = [s.strip() for review in reviews for s in review.split(". ") if s.strip()]
    few = [s.strip() for review in reviews[:PEER_MARKED] for s in review.split(". ") if s.strip()]
    aligned = align(tokenizer, sentences)
    starts = np.split(aligned.ids, aligned.token_offsets[1:-1])
    batch = TokenBatch.from_lists([ids.tolist() for ids in starts])
    policy = SelectiveMasking(Selective(kind="selective", network="network", unit="token"), network)

    def ours() -> np.ndarray:
        again = TokenBatch(batch.tokens)  # a batch that was read is not read again
        return policy.decide(again, Address(0, "corpus", "selective", 0)).mask

    @torch.inference_mode()
    def released() -> np.ndarray:
        model.eval()
        rows = tokenizer.encode(few, 256)
        padded = torch.tensor([ids + [tokenizer.pad] * (256 - len(ids)) for ids in rows])
        marks = []
        for part, ids in zip(padded.split(32), chunks(rows, 32), strict=True):
            mask = (part != tokenizer.pad).long()
            chosen = model(input_ids=part, attention_mask=mask).logits.argmax(-1).numpy()
            marks += [line[1 : len(row) - 1] for line, row in zip(chosen, ids, strict=True)]
        return np.concatenate(marks) == 1

    (peer, expected), (seconds, mask) = cpu_seconds(released, ours)
    differences = int((mask[: len(expected)] != expected).sum())
    assert differences == 0, f"{differences} decisions differ"
    released_form = "marking: as released, batches of 32 padded to 256"
    peer_row = Row(released_form, len(expected) / peer, "tokens/s")
    row = Row("marking: by length", len(mask) / seconds, "tokens/s")
    return [peer_row, row.against(peer_row)]


def unpadded(inputs: EncoderInputs) -> list[list[int]]:
    """The sequences as lists."""
    return [row[:n].tolist() for row, n in zip(inputs.ids, inputs.lengths, strict=True)]


def chunks(rows: list[list[int]], size: int) -> list[list[list[int]]]:
    """Consecutive parts of at most `size` rows."""
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def cpu_seconds(*works: Callable[[], np.ndarray]) -> list[tuple[float, np.ndarray]]:
    """Median CPU seconds and the result of each work; in every repetition each has its turn."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(REPETITIONS):
        results = []
        for work, times in zip(works, seconds, strict=True):
            started = process_time()
            results.append(work())
            times.append(process_time() - started)
    return list(zip(map(median, seconds), results, strict=True))


if __name__ == "__main__":
    main()
