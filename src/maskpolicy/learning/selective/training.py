"""Training the selector of a selective policy on a classification task (Gu et al. 2020, B.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

import numpy as np
import pyarrow as pa
import torch
from transformers import PreTrainedModel

from maskpolicy.arrow_files import write_table
from maskpolicy.artefacts import atomic_directory, write_json, write_manifest, write_text
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.drawing.learning_curve import draw_learning_curve
from maskpolicy.errors import ArtefactError
from maskpolicy.learning.files import SPLITS_READ, PolicyFiles
from maskpolicy.learning.selective.marking import MarkedTexts, MarkingCounts, mark_texts
from maskpolicy.learning.selective.selector import fit_selector
from maskpolicy.learning.selective.specs import PRESETS, Preset, SelectiveTraining
from maskpolicy.models.classifier import Classifier
from maskpolicy.models.encoder import load_sequence_classifier, sequence_layout
from maskpolicy.models.layout import Segments
from maskpolicy.policies.selective.selector import SELECTOR, Selector
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.tasks.classification import check_labels, read_classification_examples
from maskpolicy.training.finetune import fit_task
from maskpolicy.training.specs import EncoderTraining
from maskpolicy.training.state import Saving, State, fingerprint
from maskpolicy.training.validation import Validation, best_validation


@dataclass(frozen=True)
class _Marked:
    """The marked texts of each split, what was counted, and the seconds that it took."""

    texts: dict[str, MarkedTexts]
    counts: dict[str, MarkingCounts]
    seconds: float

    def state(self) -> State:
        """All of it, as it is saved."""
        tensors = {}
        for split, found in self.texts.items():
            tensors[f"{split}/ids"] = torch.from_numpy(found.texts.ids.astype(np.int32))
            tensors[f"{split}/offsets"] = torch.from_numpy(found.texts.offsets)
            tensors[f"{split}/important"] = torch.from_numpy(found.important)
        facts = {split: asdict(counts) for split, counts in self.counts.items()}
        return State(tensors, facts | {"seconds": self.seconds})

    @classmethod
    def of(cls, state: State) -> "_Marked":
        """The texts and counts that :meth:`state` described."""
        arrays = {name: tensor.numpy() for name, tensor in state.tensors.items()}
        texts = {
            split: MarkedTexts(
                Segments(arrays[f"{split}/ids"], arrays[f"{split}/offsets"]),
                arrays[f"{split}/important"],
            )
            for split in SPLITS_READ
        }
        counts = {split: MarkingCounts(**state.facts[split]) for split in SPLITS_READ}
        return cls(texts, counts, state.facts["seconds"])


@dataclass(frozen=True)
class _Trained:
    """What came of the three parts."""

    selector: PreTrainedModel
    marked: _Marked
    classifier_epochs: Sequence[Validation]
    selector_epochs: Sequence[Validation]

    def seconds(self) -> dict[str, float]:
        """What each part took."""
        seconds = {
            "classifier": sum(epoch.seconds for epoch in self.classifier_epochs),
            "important tokens": self.marked.seconds,
            "selector": sum(epoch.seconds for epoch in self.selector_epochs),
        }
        return {part: round(some, 2) for part, some in seconds.items()}


def train_selective_policy(
    files: PolicyFiles, training: SelectiveTraining, seed: int, title: str
) -> None:
    """Fine-tune a classifier, find the important tokens of its task, train a selector of them.

    Reads train.arrow and dev.arrow of the task, nothing else of it; classifier and selector both
    start from the same checkpoint. Writes the selector (a transformers checkpoint and
    selector.json), important.arrow (split, text, input_ids, important), learning-curve.svg,
    manifest.json, and seconds.json: what each of the three parts took. An interrupted training goes
    on from `files.state`, after the last step that it saved or the last part that it finished, if
    settings and inputs are the same.

    Raises ArtefactError, naming the file; InputError when train lacks a label of dev, with counts,
    or a `max_length` is more than the model takes.
    """
    tokenizer = load_tokenizer(files.tokenizer)
    examples = {split: read_classification_examples(files.split(split)) for split in SPLITS_READ}
    labels = check_labels(examples)
    preset = PRESETS[training.preset]
    selector_training = training.selector or preset.selector
    # A length that the model can't take is an error before the first part, not after the second.
    _check_length(files.checkpoint, tokenizer, selector_training)

    def part(name: str, settings: SelectiveTraining | EncoderTraining) -> Saving:
        return Saving(files.state, fingerprint([name, settings.model_dump(), seed], files.inputs))

    with (
        part("classifier", training.classifier) as classifier_saving,
        part("important tokens", training) as marking_saving,
        part("selector", training) as selector_saving,
    ):
        classifier = Classifier.load(
            files.checkpoint, tokenizer, labels, training.classifier.max_length, seed
        )
        classifier_epochs = fit_task(
            classifier,
            examples["train"],
            examples["dev"],
            training.classifier.on(len(examples["train"])),
            seed=seed,
            title=f"{title}, classifier",
            saving=classifier_saving,
            finish=True,
        )
        marked = _mark(
            classifier, tokenizer, examples, preset=preset, title=title, saving=marking_saving
        )
        if not marked.counts["train"].important:
            raise ArtefactError(
                f"{files.split('train')}: no token is important:"
                f" {asdict(marked.counts['train'])};"
                f" the classifier's best dev score is {max(e.dev for e in classifier_epochs):.3f}"
            )
        model, selector_epochs = fit_selector(
            files.checkpoint,
            tokenizer,
            marked.texts["train"],
            marked.texts["dev"],
            class_weight=preset.class_weight,
            training=selector_training,
            seed=seed,
            title=f"{title}, selector",
            saving=selector_saving,
        )
        trained = _Trained(model, marked, classifier_epochs, selector_epochs)
        description = Selector(
            preset=training.preset,
            largest_share=preset.largest_share,
            max_length=selector_training.max_length,
            bos=tokenizer.bos,
            eos=tokenizer.eos,
            pad=tokenizer.pad,
            vocabulary_size=tokenizer.vocabulary_size,
        )
        facts = {
            "method": training.method,
            "task": training.task,
            "preset": training.preset,
            "seed": seed,
            "labels": list(labels),
        }
        _write(files.output, trained, description, facts)


def _write(
    output: Path, trained: _Trained, description: Selector, facts: Mapping[str, object]
) -> None:
    """Write the selector, what it learned from, and how the three parts went."""
    marked = trained.marked
    with atomic_directory(output) as folder:
        trained.selector.cpu().save_pretrained(folder)
        description.write(folder / SELECTOR)
        write_table(folder / "important.arrow", _as_table(marked))
        write_text(
            folder / "learning-curve.svg",
            _learning_curve(trained.classifier_epochs, trained.selector_epochs),
        )
        written = sorted(folder.iterdir())
        write_json(folder / "seconds.json", trained.seconds())
        write_manifest(
            folder / "manifest.json",
            written,
            **facts,
            important={split: asdict(counts) for split, counts in marked.counts.items()},
            classifier=_facts(trained.classifier_epochs),
            selector=_facts(trained.selector_epochs),
        )


def _mark(
    classifier: Classifier,
    tokenizer: Tokenizer,
    examples: Mapping[str, Sequence[ClassificationExample]],
    *,
    preset: Preset,
    title: str,
    saving: Saving,
) -> _Marked:
    """The important tokens of train and dev; saved when found, and not looked for again."""
    saved = saving.load()
    if saved is not None:
        return _Marked.of(saved)
    started = monotonic()
    by_split = {
        split: mark_texts(
            classifier, tokenizer, examples[split], preset, f"{title}, {split} tokens"
        )
        for split in SPLITS_READ
    }
    marked = _Marked(
        {split: texts for split, (texts, _) in by_split.items()},
        {split: counts for split, (_, counts) in by_split.items()},
        monotonic() - started,
    )
    saving.save(marked.state())
    return marked


def _check_length(checkpoint: Path, tokenizer: Tokenizer, training: EncoderTraining) -> None:
    sequence_layout(load_sequence_classifier(checkpoint, 2), tokenizer, training.max_length)


def _as_table(marked: _Marked) -> pa.Table:
    tables = []
    for split, found in marked.texts.items():
        offsets = pa.array(found.texts.offsets.astype(np.int32))
        columns = {
            "split": pa.array([split] * len(found.texts)),
            "text": pa.array(np.arange(len(found.texts))),
            "input_ids": pa.ListArray.from_arrays(offsets, found.texts.ids.astype(np.uint32)),
            "important": pa.ListArray.from_arrays(offsets, pa.array(found.important)),
        }
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)


def _learning_curve(classifier: Sequence[Validation], selector: Sequence[Validation]) -> str:
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
        best_validation(selector),
    )


def _facts(epochs: Sequence[Validation]) -> dict[str, object]:
    return {
        "best_epoch": best_validation(epochs),
        "losses": [round(epoch.loss, 4) for epoch in epochs],
        "dev": [round(epoch.dev, 4) for epoch in epochs],
    }
