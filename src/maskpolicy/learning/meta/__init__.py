"""The meta-learned masking policy: what to mask so that a task is learned faster (paper A, 4.3)."""
