"""Training: pre-training and fine-tuning, over one resumable fit."""
