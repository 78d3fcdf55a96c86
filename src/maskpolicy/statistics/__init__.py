"""Statistics for few seeds: what holds over runs, over examples and over both, and what can't.

Means, spreads and the shading rule of result tables; paired and unpaired tests, multi-bootstrap,
corrections for many comparisons, equivalence, effect sizes, and how many runs would decide.
"""
