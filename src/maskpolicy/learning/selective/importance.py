"""Which tokens of a labelled text are important to a classifier (Gu et al. 2020, section 2.2)."""

import numpy as np

from maskpolicy.models.inference import SequenceInference
from maskpolicy.models.layout import EncoderInputs
from maskpolicy.progress import work_progress

MARGIN = 2.5e-4
"""Scores as close to the threshold are computed again in double precision.

The errors of single precision are far smaller (a test holds them below a twentieth), so that no
decision depends on what else was in the batch: all are those of one text at a time in double
precision. A wider margin costs time: at 1e-3 a tenth of all.
"""


class LabelProbabilities:
    """P(y | s), the probability of each text's own label: for whole texts and for parts of them.

    inputs: N whole texts; labels int64 [N], classes of the classifier.
    """

    def __init__(
        self, inference: SequenceInference, inputs: EncoderInputs, labels: np.ndarray
    ) -> None:
        self.inference = inference
        self.inputs = inputs
        self.labels = labels
        self.whole = inference.probabilities(inputs)
        self._whole_exact = np.full(len(inputs), np.nan)

    def predictions(self) -> np.ndarray:
        """The most probable class of each whole text, int64 [N]."""
        ranked = np.sort(self.whole, axis=1)
        close = np.flatnonzero(ranked[:, -1] - ranked[:, -2] < MARGIN)
        if len(close):
            self.whole[close] = self.inference.exact.probabilities(self.inputs.take(close))
        return self.whole.argmax(axis=1)

    def scores(self, texts: np.ndarray, parts: EncoderInputs, threshold: float) -> np.ndarray:
        """S = P(y | s) - P(y | s') of parts s' of the texts with indices `texts`, float64 [M].

        Exact enough to be compared with `threshold`, whatever the batches.
        """
        labels = self.labels[texts]
        each = np.arange(len(texts))
        scores = self.whole[texts, labels] - self.inference.probabilities(parts)[each, labels]
        close = np.flatnonzero(np.abs(scores - threshold) < MARGIN)
        if len(close):
            exact = self.inference.exact.probabilities(parts.take(close))
            exact = exact[np.arange(len(close)), labels[close]]
            scores[close] = self._exact_whole(texts[close]) - exact
        return scores

    def _exact_whole(self, texts: np.ndarray) -> np.ndarray:
        new = texts[np.isnan(self._whole_exact[texts])]
        if len(new):
            exact = self.inference.exact.probabilities(self.inputs.take(new))
            self._whole_exact[new] = exact[np.arange(len(new)), self.labels[new]]
        return self._whole_exact[texts]


def find_important_tokens(
    probabilities: LabelProbabilities,
    texts: np.ndarray,
    begins: np.ndarray,
    eos: int,
    threshold: float,
    title: str,
) -> np.ndarray:
    """The important tokens of the texts with indices `texts`, int64 [M]: bool [M, W].

    Positions are those of the inputs; the walk begins at `begins`, int [M], and ends before the
    final special token. What stands before (the first segment of a pair) stays as it is.

    Gu et al. 2020: a buffer s' starts empty. Token by token, w is added to it; where the score
    S(w) = P(y | s) - P(y | s' w) is below the threshold, w is important and is removed again, so
    that it does not influence the scores of those after it. That is sequential within a text, but
    texts do not depend on each other: all take their next step together.
    """
    whole = probabilities.inputs.take(texts)
    # The buffers, rendered: what stands before, the tokens kept so far, the new one, the last one.
    buffers = whole.ids.copy()
    ends = begins.astype(np.int64)
    important = np.zeros(buffers.shape, np.bool_)
    last = whole.lengths - 1
    with work_progress(title, int((last - begins).sum())) as advance:
        for step in range(int((last - begins).max(initial=0))):
            walking = np.flatnonzero(begins + step < last)
            at, end = begins[walking] + step, ends[walking]
            buffers[walking, end] = whole.ids[walking, at]
            buffers[walking, end + 1] = eos
            lengths = (end + 2).astype(np.int32)
            parts = EncoderInputs(buffers[walking, : lengths.max()], lengths, whole.second[walking])
            scores = probabilities.scores(texts[walking], parts, threshold)
            important[walking, at] = scores < threshold
            ends[walking] += scores >= threshold
            advance(len(walking))
    return important
