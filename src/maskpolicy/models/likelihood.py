"""How likely an encoder-decoder finds given texts, as the choices of multiple choice."""

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from maskpolicy.corpora.tokenizer import Tokenizer
from maskpolicy.models.batches import pad
from maskpolicy.models.devices import choose_device
from maskpolicy.models.seq2seq import shifted


@torch.inference_mode()
def log_likelihoods(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    sources: Sequence[Sequence[int]],
    targets: Sequence[Sequence[Sequence[int]]],
    batch_size: int,
) -> list[list[float]]:
    """The log-likelihood, in nats, of each of some targets of every source, given it.

    Sources and targets are token ids, special ones included; a source may have any number of
    targets. Summed over a target's tokens and EOS, not over the BOS that begins them all. So many
    sources are encoded together, each once, and so many targets decoded.
    """
    device = choose_device()
    model.to(device).eval()  # type: ignore[arg-type]  # its decorator hides `self`
    encoder = model.get_encoder()
    found: list[list[float]] = [[] for _ in sources]
    asked = [i for i, some in enumerate(targets) if some]
    by_length = sorted(asked, key=lambda i: len(sources[i]))
    for start in range(0, len(by_length), batch_size):
        chosen = by_length[start : start + batch_size]
        source = pad([sources[i] for i in chosen], tokenizer.pad).to(device)
        present = source != tokenizer.pad
        encoded = encoder(input_ids=source, attention_mask=present).last_hidden_state
        pairs = [(row, target) for row, i in enumerate(chosen) for target in targets[i]]
        for first in range(0, len(pairs), batch_size):
            rows, some = zip(*pairs[first : first + batch_size], strict=True)
            target = pad(some, tokenizer.pad).to(device)
            logits = model(
                encoder_outputs=BaseModelOutput(last_hidden_state=encoded[list(rows)]),
                attention_mask=present[list(rows)],
                decoder_input_ids=shifted(model, target),
                use_cache=False,
            ).logits
            for row, likelihood in zip(rows, _summed(logits, target, tokenizer), strict=True):
                found[chosen[row]].append(likelihood)
    return found


def _summed(logits: torch.Tensor, target: torch.Tensor, tokenizer: Tokenizer) -> list[float]:
    """float [B, L, V], int64 [B, L] -> the log-likelihood of each row's tokens."""
    counted = target != tokenizer.pad
    if tokenizer.bos is not None:
        counted[:, 0] = False
    logs = logits.float().log_softmax(-1).gather(-1, target[..., None]).squeeze(-1)
    return logs.double().where(counted, 0.0).sum(-1).tolist()
