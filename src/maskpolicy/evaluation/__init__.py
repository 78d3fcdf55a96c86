"""Evaluation: metrics, and the runs that they score."""
