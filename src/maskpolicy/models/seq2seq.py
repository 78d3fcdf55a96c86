"""Sequence-to-sequence models (BART): created from an architecture, or loaded from a checkpoint."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import BartConfig, BartForConditionalGeneration, PreTrainedModel
from transformers.utils import logging

from maskpolicy.artefacts import atomic_directory, write_manifest
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.errors import ArtefactError
from maskpolicy.models.specs import BartArchitecture

# transformers announces every checkpoint it reads or writes; the stages have their own progress.
logging.set_verbosity_error()
logging.disable_progress_bar()


def create_model(
    architecture: BartArchitecture, tokenizer: Tokenizer, seed: int
) -> BartForConditionalGeneration:
    """A BART with random weights (Lewis et al. 2020), its vocabulary and special ids from
    `tokenizer`.
    """
    torch.manual_seed(seed)
    return BartForConditionalGeneration(
        BartConfig(
            vocab_size=tokenizer.vocabulary_size,
            d_model=architecture.d_model,
            encoder_layers=architecture.encoder_layers,
            decoder_layers=architecture.decoder_layers,
            encoder_attention_heads=architecture.attention_heads,
            decoder_attention_heads=architecture.attention_heads,
            encoder_ffn_dim=architecture.ffn_dim,
            decoder_ffn_dim=architecture.ffn_dim,
            max_position_embeddings=architecture.max_positions,
            dropout=architecture.dropout,
            init_std=architecture.init_std,
            bos_token_id=tokenizer.bos,
            pad_token_id=tokenizer.pad,
            eos_token_id=tokenizer.eos,
            decoder_start_token_id=tokenizer.eos,
            forced_eos_token_id=tokenizer.eos,
        )
    )


def load_model(checkpoint: str | Path, **settings: Any) -> BartForConditionalGeneration:
    """Load a checkpoint from a folder or hub id; `settings` replace those of its configuration.

    Raises ArtefactError naming the checkpoint.
    """
    try:
        return BartForConditionalGeneration.from_pretrained(str(checkpoint), **settings)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ArtefactError(f"cannot load the model {checkpoint}: {error}") from error


def label_states(
    model: BartForConditionalGeneration,
    source: torch.Tensor,
    target: torch.Tensor,
    **inputs: torch.Tensor,
) -> torch.Tensor:
    """The decoder's states before each label, given those before it: float [labels, d].

    source int64 [B, S] and target int64 [B, L], padded; labels are the tokens of the targets
    without padding, row by row. `inputs` is what the encoder reads, `input_ids` or `inputs_embeds`.
    """
    config = model.config
    decoder_input = target.roll(1, dims=1)
    decoder_input[:, 0] = config.decoder_start_token_id
    present = source != config.pad_token_id
    hidden = model.model(
        # Without padding there is nothing to hide, and attention without a mask is faster.
        attention_mask=None if bool(present.all()) else present,
        decoder_input_ids=decoder_input,
        use_cache=False,
        **inputs,
    ).last_hidden_state
    return hidden[target != config.pad_token_id]


def save_model(model: PreTrainedModel, folder: Path, **facts: Any) -> None:
    """Write a transformers checkpoint (safetensors) with a manifest of `facts`, whole or not at
    all.
    """
    with atomic_directory(folder) as temporary:
        write_model(model, temporary, **facts)


def write_model(model: PreTrainedModel, folder: Path, **facts: Any) -> None:
    """Write the files of a checkpoint and their manifest into a folder, beside what is there."""
    before = set(folder.iterdir())
    model.save_pretrained(folder)
    write_manifest(folder / "manifest.json", sorted(set(folder.iterdir()) - before), **facts)


def initialise_model(
    tokenizer_folder: Path,
    architecture: BartArchitecture | None,
    pretrained: str | None,
    seed: int,
    output: Path,
) -> None:
    """Write the checkpoint that a study starts from: a fresh model, or a pre-trained one as it is.

    Raises ArtefactError when a pre-trained model's vocabulary does not fit the tokenizer.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    if architecture is not None:
        model = create_model(architecture, tokenizer, seed)
    else:
        assert pretrained is not None, "the configuration guarantees one of the two"
        model = load_model(pretrained)
        tokenizer.refuse_smaller_model(model.config.vocab_size, pretrained)
    save_model(model, output, parameters=model.num_parameters())
