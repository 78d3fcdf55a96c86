"""Selective masking: the tokens that matter for a classification task (Gu et al. 2020)."""
