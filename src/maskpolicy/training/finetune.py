"""Fine-tuning on a downstream task, the search for its learning rate, and the final runs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from transformers import BartForConditionalGeneration

from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.evaluation.runs import ScoredPredictions, score_predictions, write_run
from maskpolicy.evaluation.specs import MetricName
from maskpolicy.models.batches import PairBatches
from maskpolicy.models.generation import generate
from maskpolicy.models.seq2seq import load_model
from maskpolicy.models.specs import Generation
from maskpolicy.sources.base import Example
from maskpolicy.tasks.seq2seq import read_examples
from maskpolicy.training.loop import train
from maskpolicy.training.search import write_search
from maskpolicy.training.specs import Finetuning


@dataclass(frozen=True)
class RunName:
    """Which run it is: one cell of the study."""

    model: str
    policy: str
    task: str
    pretraining_seed: int
    seed: int
    step: int | None = None


def finetuned(
    checkpoint: Path,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    finetuning: Finetuning,
    learning_rate: float,
    seed: int,
    title: str,
) -> BartForConditionalGeneration:
    """The checkpoint, trained on (source, target) of `examples`."""
    model = load_model(checkpoint)
    sources = tokenizer.encode([e.source for e in examples], finetuning.source_length)
    targets = tokenizer.encode([e.target for e in examples], finetuning.target_length)
    batches = PairBatches(
        list(zip(sources, targets, strict=True)), tokenizer.pad, finetuning.batch_size, seed
    )
    train(model, batches, finetuning, learning_rate, seed, title)
    return model


def predict(
    model: BartForConditionalGeneration,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    finetuning: Finetuning,
    generation: Generation,
    metrics: Sequence[MetricName],
) -> ScoredPredictions:
    """The model's answer to each example's source, scored (see :func:`score_predictions`)."""
    sources = tokenizer.encode([e.source for e in examples], finetuning.source_length)
    predictions = generate(model, tokenizer, sources, generation)
    return score_predictions(
        [e.id for e in examples], predictions, [e.answers for e in examples], metrics
    )


def search_finetuning(
    checkpoint: Path,
    tokenizer_folder: Path,
    task: Path,
    finetuning: Finetuning,
    generation: Generation,
    metric: MetricName,
    seed: int,
    title: str,
    output: Path,
) -> None:
    """Try every learning rate of the grid, score it on dev, and write all scores and the best.

    Test is never read.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    examples, dev = read_examples(task / "train.arrow"), read_examples(task / "dev.arrow")

    def dev_score(rate: float) -> float:
        name = f"{title}, search lr {rate:g}"
        model = finetuned(checkpoint, tokenizer, examples, finetuning, rate, seed, name)
        return predict(model, tokenizer, dev, finetuning, generation, [metric]).metrics[metric]

    scores = {rate: dev_score(rate) for rate in finetuning.learning_rates}
    write_search(output, metric, scores)


def finetune(
    checkpoint: Path,
    tokenizer_folder: Path,
    task: Path,
    finetuning: Finetuning,
    generation: Generation,
    metrics: Sequence[MetricName],
    learning_rate: float,
    name: RunName,
    output: Path,
) -> None:
    """Fine-tune with one seed; write the run (predictions and scores of the test split) to
    `output`.

    The dev scores are written beside the test scores; nothing is selected here.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    examples = read_examples(task / "train.arrow")
    title = f"{name.policy}, seed {name.seed}"
    model = finetuned(checkpoint, tokenizer, examples, finetuning, learning_rate, name.seed, title)
    dev, test = (
        predict(
            model,
            tokenizer,
            read_examples(task / f"{split}.arrow"),
            finetuning,
            generation,
            metrics,
        )
        for split in ("dev", "test")
    )
    write_run(output, test, **asdict(name), dev=dev.metrics)
