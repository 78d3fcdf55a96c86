"""The supervised masking policy: a network that learned where targets stand (paper A, 4.2, A.1)."""
