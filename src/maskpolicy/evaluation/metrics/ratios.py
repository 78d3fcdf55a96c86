"""Ratios that are 0 where they are undefined."""

import numpy as np

_NOTHING = 1e-9  # shares and variances below it are zero but for rounding


def divided(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotient of arrays that broadcast; 0 where the denominator is."""
    defined = denominator > _NOTHING
    return np.where(defined, numerator / np.where(defined, denominator, 1), 0)


def correlation_of(covariance: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Of a covariance and two variances; rounding must not take it out of [-1, 1]."""
    constant = np.minimum(first, second) < _NOTHING
    scale = np.sqrt(np.where(constant, 0, first * second))
    return np.clip(divided(covariance, scale), -1, 1)
