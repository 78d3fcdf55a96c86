"""The supervised policy: a network learned where targets stand (Ye et al. 2021, 4.2, A.1)."""
