"""Training the selector of a selective policy on a classification task (paper C, appendix B.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

import numpy as np
import pyarrow as pa
import torch

from maskpolicy.arrow_files import write_table
from maskpolicy.artefacts import atomic_directory, write_json, write_manifest, write_text
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.drawing.learning_curve import draw_learning_curve
from maskpolicy.errors import ArtefactError
from maskpolicy.learning.selective.annotation import AnnotatedTexts, AnnotationCounts, annotate
from maskpolicy.learning.selective.selector import fit_selector
from maskpolicy.learning.selective.specs import PRESETS, Preset, SelectiveTraining
from maskpolicy.models.classifier import Classifier
from maskpolicy.models.encoder import load_sequence_classifier, sequence_layout
from maskpolicy.models.layout import Segments
from maskpolicy.policies.selective.selector import SELECTOR, Selector
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.tasks.classification import check_labels, read_classification_examples
from maskpolicy.training.epochs import Epoch, best_epoch
from maskpolicy.training.finetune import fit_epochs
from maskpolicy.training.specs import EncoderTraining
from maskpolicy.training.state import Saving, fingerprint, load_state, remove_state, save_state

SPLITS = ("train", "dev")
"""All of the task that is ever read."""


@dataclass(frozen=True)
class _Annotations:
    """The annotated texts of each split and what was counted."""

    texts: dict[str, AnnotatedTexts]
    counts: dict[str, AnnotationCounts]


def train_selective_policy(
    task: Path,
    checkpoint: Path,
    tokenizer_folder: Path,
    training: SelectiveTraining,
    seed: int,
    title: str,
    state: Path,
    output: Path,
) -> None:
    """Fine-tune a classifier, find the important tokens of its task, train a selector of them.

    Reads train.arrow and dev.arrow of the folder `task`, nothing else of it; classifier and
    selector both start from `checkpoint`. Writes to `output` the selector (a transformers
    checkpoint and selector.json), important.arrow (split, text, input_ids, important),
    learning-curve.svg, manifest.json, and seconds.json: what each of the three parts took. An
    interrupted training goes on from the folder `state`, after the last epoch that it saved or the
    last part that it finished, if settings and inputs are the same.

    Raises ArtefactError, naming the file; InputError when train lacks a label of dev, with counts,
    or a `max_length` is more than the model takes.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    files = [task / f"{split}.arrow" for split in SPLITS]
    examples = {
        split: read_classification_examples(file) for split, file in zip(SPLITS, files, strict=True)
    }
    labels = check_labels(examples)
    preset = PRESETS[training.preset]
    selector_training = training.selector or preset.selector
    # A length that the model can't take is an error before the first part, not after the second.
    _check_length(checkpoint, tokenizer, selector_training)

    files += [checkpoint / "model.safetensors", tokenizer_folder / "tokenizer.json"]
    settings = [training.model_dump(), seed]
    classifier_state = fingerprint(["classifier", training.classifier.model_dump(), seed], files)
    annotation_state = fingerprint(["annotation", *settings], files)
    selector_state = fingerprint(["selector", *settings], files)

    classifier = Classifier.load(
        checkpoint, tokenizer, labels, training.classifier.max_length, seed
    )
    classifier_epochs = fit_epochs(
        classifier,
        examples["train"],
        examples["dev"],
        training.classifier,
        seed=seed,
        title=f"{title}, classifier",
        saving=Saving(state, classifier_state),
    )
    annotations, annotation_seconds = _resumable_annotations(
        classifier, tokenizer, examples, preset, title, state, annotation_state
    )
    if not annotations.counts["train"].important:
        raise ArtefactError(
            f"{files[0]}: no token is important: {asdict(annotations.counts['train'])};"
            f" the classifier's best dev score is {max(e.dev for e in classifier_epochs):.3f}"
        )
    model, selector_epochs = fit_selector(
        checkpoint,
        tokenizer,
        annotations.texts["train"],
        annotations.texts["dev"],
        preset.class_weight,
        selector_training,
        seed,
        f"{title}, selector",
        Saving(state, selector_state),
    )
    seconds = {
        "classifier": sum(epoch.seconds for epoch in classifier_epochs),
        "important tokens": annotation_seconds,
        "selector": sum(epoch.seconds for epoch in selector_epochs),
    }

    with atomic_directory(output) as folder:
        model.cpu().save_pretrained(folder)
        Selector(
            preset=training.preset,
            largest_share=preset.largest_share,
            max_length=selector_training.max_length,
            bos=tokenizer.bos,
            eos=tokenizer.eos,
            pad=tokenizer.pad,
            vocabulary_size=tokenizer.vocabulary_size,
        ).write(folder / SELECTOR)
        write_table(folder / "important.arrow", _as_table(annotations))
        write_text(
            folder / "learning-curve.svg", _learning_curve(classifier_epochs, selector_epochs)
        )
        written = sorted(folder.iterdir())
        write_json(folder / "seconds.json", {part: round(s, 2) for part, s in seconds.items()})
        write_manifest(
            folder / "manifest.json",
            written,
            method=training.method,
            task=training.task,
            preset=training.preset,
            seed=seed,
            labels=list(labels),
            important={split: asdict(counts) for split, counts in annotations.counts.items()},
            classifier=_facts(classifier_epochs),
            selector=_facts(selector_epochs),
        )
    for identity in (classifier_state, annotation_state, selector_state):
        remove_state(state, identity)


def _resumable_annotations(
    classifier: Classifier,
    tokenizer: Tokenizer,
    examples: Mapping[str, Sequence[ClassificationExample]],
    preset: Preset,
    title: str,
    state: Path,
    identity: str,
) -> tuple[_Annotations, float]:
    """The important tokens of train and dev and the seconds it took; saved when finished."""
    saved = load_state(state, identity)
    if saved is not None:
        tensors = {name: tensor.numpy() for name, tensor in saved.tensors.items()}
        texts = {
            split: AnnotatedTexts(
                Segments(tensors[f"{split}/ids"], tensors[f"{split}/offsets"]),
                tensors[f"{split}/important"],
            )
            for split in SPLITS
        }
        counts = {split: AnnotationCounts(**saved.facts[split]) for split in SPLITS}
        return _Annotations(texts, counts), saved.facts["seconds"]
    started = monotonic()
    annotated = {
        split: annotate(classifier, tokenizer, examples[split], preset, f"{title}, {split} tokens")
        for split in SPLITS
    }
    seconds = monotonic() - started
    annotations = _Annotations(
        {split: texts for split, (texts, _) in annotated.items()},
        {split: counts for split, (_, counts) in annotated.items()},
    )
    arrays = {
        f"{split}/{name}": array
        for split, found in annotations.texts.items()
        for name, array in (
            ("ids", found.texts.ids.astype(np.int32)),
            ("offsets", found.texts.offsets),
            ("important", found.important),
        )
    }
    facts = {split: asdict(counts) for split, counts in annotations.counts.items()}
    tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
    save_state(state, identity, tensors, facts | {"seconds": seconds})
    return annotations, seconds


def _check_length(checkpoint: Path, tokenizer: Tokenizer, training: EncoderTraining) -> None:
    sequence_layout(load_sequence_classifier(checkpoint, 2), tokenizer, training.max_length)


def _as_table(annotations: _Annotations) -> pa.Table:
    tables = []
    for split, found in annotations.texts.items():
        offsets = pa.array(found.texts.offsets.astype(np.int32))
        columns = {
            "split": pa.array([split] * len(found.texts)),
            "text": pa.array(np.arange(len(found.texts))),
            "input_ids": pa.ListArray.from_arrays(offsets, found.texts.ids.astype(np.uint32)),
            "important": pa.ListArray.from_arrays(offsets, pa.array(found.important)),
        }
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)


def _learning_curve(classifier: Sequence[Epoch], selector: Sequence[Epoch]) -> str:
    parts = {"classifier": classifier, "selector": selector}
    return draw_learning_curve(
        {
            "training loss (nats)": {
                name: [(i, epoch.loss) for i, epoch in enumerate(epochs, 1)]
                for name, epochs in parts.items()
            },
            "dev accuracy, dev F1": {
                name: [(i, epoch.dev) for i, epoch in enumerate(epochs, 1)]
                for name, epochs in parts.items()
            },
        },
        "epoch",
        best_epoch(selector),
    )


def _facts(epochs: Sequence[Epoch]) -> dict[str, object]:
    return {
        "best_epoch": best_epoch(epochs),
        "losses": [round(epoch.loss, 4) for epoch in epochs],
        "dev": [round(epoch.dev, 4) for epoch in epochs],
    }
