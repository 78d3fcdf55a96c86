"""The checkpoint that a study starts from."""

import sys
from pathlib import Path

from transformers import PreTrainedConfig

from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer
from maskpolicy.errors import ArtefactError
from maskpolicy.models import families
from maskpolicy.models.checkpoints import save_model
from maskpolicy.models.specs import Model

PADDED_TO = 128
SPARE = 1024
"""Tokens that a model may have and its tokenizer lack: a tenth of those that there are, and at most
so many, for mDeBERTa has 898 to spare; but any vocabulary may be padded to a multiple of PADDED_TO.
"""


def initialise_model(model: Model, tokenizer_folder: Path, seed: int, output: Path) -> None:
    """Write the checkpoint that a study starts from: a fresh model, or a pre-trained one as it is.

    The manifest says how many parameters it has, with which rates of dropout it is trained from
    here on (a pre-trained model's are its own), and what its family adds. Raises ArtefactError when
    a pre-trained model can't be loaded, or the tokenizer is not that of the model.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    made, facts = families.find(model.family).initial(model, tokenizer, seed)
    dropout = dropout_of(made.config)
    if model.pretrained is not None:
        refuse_other_tokenizer(made.config, tokenizer, model.pretrained)
        if made.config.pad_token_id is None:  # not all say it, and every loss asks it
            made.config.pad_token_id = tokenizer.pad
        rates = ", ".join(f"{name} {rate:g}" for name, rate in dropout.items())
        print(f"{model.pretrained}: trained with its own rates, {rates}", file=sys.stderr)
    families.mark(made, model.family)
    origin = model.model_dump(mode="json", exclude_none=True) | {"seed": seed}
    facts |= {"parameters": made.num_parameters(), "dropout": dropout}
    facts["lineage"] = [{"stage": "initial", **origin}]
    save_model(made, tokenizer, output, **facts)


def dropout_of(config: PreTrainedConfig) -> dict[str, float]:
    """Every rate at which parts of a model are left out in training, by its key in config.json."""
    return {
        name: value
        for name, value in sorted(config.to_dict().items())
        if "drop" in name and isinstance(value, int | float)
    }


def refuse_other_tokenizer(config: PreTrainedConfig, tokenizer: Tokenizer, model: str) -> None:
    """Raise ArtefactError, naming `model`, where the tokenizer can't be the one that it was trained
    with: their sizes or the ids of their special tokens differ.
    """
    tokenizer.refuse_smaller_model(config.vocab_size, model)
    known = tokenizer.vocabulary_size
    if config.vocab_size > known + max(PADDED_TO, min(known // 10, SPARE)):
        raise ArtefactError(
            f"{model} knows {config.vocab_size} tokens, but its tokenizer only"
            f" {known}: give it the tokenizer that it was trained with"
        )
    for role in ("pad", "bos", "eos"):
        wanted, given = getattr(config, f"{role}_token_id", None), getattr(tokenizer, role)
        if None not in (wanted, given) and wanted != given:
            raise ArtefactError(
                f"{model} has {wanted} as its `{role}_token_id`, but its tokenizer {given}: give it"
                " the tokenizer that it was trained with"
            )
