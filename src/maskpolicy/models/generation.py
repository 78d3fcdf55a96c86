"""Decoding predictions from a sequence-to-sequence model."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig, PreTrainedModel

from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.models.batches import pad
from maskpolicy.models.devices import choose_device
from maskpolicy.models.specs import Generation


@torch.inference_mode()
def generate(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    sources: Sequence[Sequence[int]],
    generation: Generation,
) -> list[str]:
    """The decoded prediction for each source (token ids, special ones included), in their order.

    Beam search with `beams` beams (1: greedy), `min_length` to `max_length` tokens of answer, which
    stand between BOS, where the tokenizer has one, and EOS, as in training; deterministic. The
    model is left with these settings as those that it decodes with.
    """
    device = choose_device()
    model.to(device).eval()  # type: ignore[arg-type]  # its decorator hides `self`
    model.generation_config = decoding(model, tokenizer, generation)
    decode: Any = model.generate  # of the classes that AutoModelForSeq2SeqLM makes
    predictions = [""] * len(sources)
    by_length = np.argsort([len(source) for source in sources], kind="stable")
    for start in range(0, len(sources), generation.batch_size):
        chosen = by_length[start : start + generation.batch_size]
        batch = pad([sources[i] for i in chosen], tokenizer.pad).to(device)
        generated = decode(
            batch,
            attention_mask=batch != tokenizer.pad,
            generation_config=model.generation_config,
        )
        for i, ids in zip(chosen, generated.tolist(), strict=True):
            predictions[i] = tokenizer.decode(ids)
    return predictions


def decoding(
    model: PreTrainedModel, tokenizer: Tokenizer, generation: Generation
) -> GenerationConfig:
    """All settings of decoding: of the model only the token that its decoder starts with.

    What is not given here is transformers' default, which changes nothing: no token is forbidden,
    asked for or repeated less (see :attr:`Generation.signature`).
    """
    # Before the last token of a shortest answer, after its BOS, there is no EOS.
    shortest = generation.min_length + tokenizer.ends - 1
    return GenerationConfig(
        num_beams=generation.beams,
        min_new_tokens=shortest if generation.min_length else None,
        max_new_tokens=generation.max_length + tokenizer.ends,
        length_penalty=generation.length_penalty,
        no_repeat_ngram_size=generation.no_repeat_ngrams,
        do_sample=False,
        early_stopping=generation.early_stopping,
        decoder_start_token_id=model.config.decoder_start_token_id,
        pad_token_id=tokenizer.pad,
        bos_token_id=tokenizer.bos,
        eos_token_id=tokenizer.eos,
        forced_bos_token_id=tokenizer.bos,
        forced_eos_token_id=tokenizer.eos,
    )
