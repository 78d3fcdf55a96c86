"""Training: intermediate pre-training and fine-tuning, over one loop."""
