"""The supervised masking policy: a network learns where targets stand (paper A, 4.2, A.1)."""
