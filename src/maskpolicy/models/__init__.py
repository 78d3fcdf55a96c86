"""Models: made from a configuration or loaded from a checkpoint, always as transformers models."""
