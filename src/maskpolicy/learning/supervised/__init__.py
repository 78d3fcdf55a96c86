"""The supervised policy: a network learns where targets stand (Ye et al. 2021, 4.2 and A.1)."""
