"""Learning: training the networks that policies decide with, on (context, source, target)."""
