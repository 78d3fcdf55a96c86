"""What a model reads between and of two segments; importing this module compiles nothing."""

from transformers import PreTrainedModel

from maskpolicy.corpora.tokenizer import Tokenizer


def has_segments(model: PreTrainedModel) -> bool:
    """Whether the model is told which of two segments a token is of (BERT)."""
    return getattr(model.config, "type_vocab_size", 0) > 1


def separators_between(model: PreTrainedModel, tokenizer: Tokenizer) -> int:
    """How many special tokens stand between two segments that the model reads."""
    if tokenizer.separators is not None:
        return tokenizer.separators
    # A tokenizer of the study: as BERT and RoBERTa were trained.
    return 1 if has_segments(model) else 2
