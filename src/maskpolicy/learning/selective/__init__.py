"""Selective masking: a selector learns which tokens matter to a classification task (paper C)."""
