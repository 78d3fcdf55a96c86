"""Labels: what a model is to predict at each position."""

IGNORED = -100
"""The label of a position without a prediction, torch's `ignore_index`."""
