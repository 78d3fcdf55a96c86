"""Analyses of what masks do: to gradients, to scores on the way, and to the cost of a study."""
