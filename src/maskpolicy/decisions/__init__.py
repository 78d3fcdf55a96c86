"""Decisions: which tokens to mask, as data; their files, and the budget that they used."""
