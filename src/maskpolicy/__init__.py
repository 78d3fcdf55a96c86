"""maskpolicy: controlled studies of masking policies for intermediate pre-training."""
