"""Metrics of predicted strings against their acceptable answers, each with a signature.

There are two kinds. A metric of examples scores each one in [0, 1], and with several acceptable
answers the best one counts; the score of a split is the mean. A metric of a whole split (F1 of
labels, correlations) has no scores of examples. Both have the same interface: the statistics of
every example, and the score of their means. Such means can be taken over any sample of examples at
the cost of a matrix product, as the randomisation test does.

What is scored is the prediction, or, by a metric of multiple choice, the likeliest choice.

A metric is a module here and a line in `registry.py`.
"""
