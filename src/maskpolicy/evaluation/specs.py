"""Metrics and decoding, validated; importing this module loads nothing heavy."""

from typing import Literal

AnswerMetric = Literal["exact_match", "token_f1", "accuracy", "rouge1", "rouge2", "rougeLsum"]
"""Metrics of texts, each with one or several acceptable answers."""


LabelMetric = Literal["accuracy", "macro_f1", "binary_f1", "mcc"]
"""Metrics of labels, one an example; `binary_f1` is of the labels 0 and 1."""


NumberMetric = Literal["pearson", "spearman"]
"""Metrics of numbers, one an example."""


Metric = Literal[AnswerMetric, LabelMetric, NumberMetric]
