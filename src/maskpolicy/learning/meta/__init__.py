"""The meta-learned policy: what to mask to learn a task faster (Ye et al. 2021, 4.3)."""
