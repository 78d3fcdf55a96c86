"""Corruption: x ⊕ d -> (source, target)."""
