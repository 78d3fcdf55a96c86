"""Texts of a task with their important tokens: what the token selector learns from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from spacy.lang.en.stop_words import STOP_WORDS

from maskpolicy.corpora.alignment import AlignedTexts, align
from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.learning.selective.importance import LabelProbabilities, find_important_tokens
from maskpolicy.learning.selective.specs import Preset
from maskpolicy.models.classifier import Classifier
from maskpolicy.models.inference import SequenceInference
from maskpolicy.models.layout import Segments
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.tasks.classification import walked_text


@dataclass(frozen=True)
class MarkedTexts:
    """N texts, their T tokens, and which of these are important: bool [T]."""

    texts: Segments
    important: np.ndarray


@dataclass(frozen=True)
class MarkingCounts:
    """What was found in a split."""

    examples: int
    correct: int  # classified correctly as a whole
    cut: int  # longer than what the classifier reads
    texts: int
    tokens: int
    important: int


def mark_texts(
    classifier: Classifier,
    tokenizer: Tokenizer,
    examples: Sequence[ClassificationExample],
    preset: Preset,
    title: str,
) -> tuple[MarkedTexts, MarkingCounts]:
    """Find the important tokens of a split's texts.

    Of a pair the second text is walked, after the whole first one: an aspect, say, stays in sight
    (as in the released scripts). A text that several examples share, with different aspects, is
    marked once with what is important for any of them. With the preset's `only_correct` a text
    that is classified wrongly counts as one without important tokens, again as released.
    """
    inputs = classifier.encode(examples)
    probabilities = LabelProbabilities(
        SequenceInference(classifier.model), inputs, classifier.targets(examples)
    )
    correct = probabilities.predictions() == probabilities.labels
    walked = np.flatnonzero(correct) if preset.only_correct else np.arange(len(examples))
    pairs = examples[0].pair is not None
    begins = inputs.second[walked] if pairs else np.ones(len(walked), np.int32)
    rows, columns = np.nonzero(
        find_important_tokens(
            probabilities, walked, begins, classifier.layout.eos, preset.threshold, title
        )
    )

    texts = [walked_text(example) for example in examples]
    number = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    text_of = np.array([number[text] for text in texts])
    aligned = align(tokenizer, list(number))
    important = np.zeros(len(aligned.ids), np.bool_)
    first = aligned.token_offsets[text_of[walked[rows]]]
    important[first + columns - begins[rows]] = True
    if preset.skip_stop_words:
        important &= ~stop_words(aligned, list(number))

    sizes = np.diff(aligned.token_offsets)[text_of]
    seen = inputs.lengths - 1 - (inputs.second if pairs else 1)
    counts = MarkingCounts(
        examples=len(examples),
        correct=int(correct.sum()),
        cut=int((seen < sizes).sum()),
        texts=len(number),
        tokens=len(important),
        important=int(important.sum()),
    )
    return MarkedTexts(Segments(aligned.ids, aligned.token_offsets), important), counts


def stop_words(aligned: AlignedTexts, texts: Sequence[str]) -> np.ndarray:
    """The tokens that begin a word and are, by themselves, on spaCy's list of stop words: bool [T].

    The released scripts look up every single token like this; pieces within words never match.
    """
    characters = "".join(f"{text}\0" for text in texts)
    begins = np.flatnonzero(aligned.word_start())
    ids, occurrence = np.unique(aligned.ids[begins], return_index=True)
    spans = zip(aligned.start[begins][occurrence], aligned.end[begins][occurrence], strict=True)
    stops = [characters[start:end].lower() in STOP_WORDS for start, end in spans]
    flags = np.zeros(len(aligned.ids), np.bool_)
    flags[begins] = np.isin(aligned.ids[begins], ids[np.array(stops, np.bool_)])
    return flags
