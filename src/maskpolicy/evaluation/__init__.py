"""Evaluation: decoding predictions and scoring them."""
