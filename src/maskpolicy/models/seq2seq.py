"""Sequence-to-sequence models (BART): created from an architecture, or loaded from a checkpoint."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import BartConfig, BartForConditionalGeneration, PreTrainedModel
from transformers.utils import logging

from maskpolicy.artefacts import ArtefactError, atomic_directory, write_manifest
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
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
