"""Masking policies: g(x) -> d. A policy decides which tokens to mask, and nothing else."""
