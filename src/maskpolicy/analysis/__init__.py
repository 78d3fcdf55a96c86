"""Analyses of what masks do to training: the variance of gradients under different masks."""
