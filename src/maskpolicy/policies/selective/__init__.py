"""Selective masking: the tokens that matter for a classification task (paper C)."""
