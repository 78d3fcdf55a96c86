"""Selective masking: a selector learns which tokens matter to a task (Gu et al. 2020)."""
