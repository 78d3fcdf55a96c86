"""The checkpoint that a study starts from."""

from pathlib import Path

from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.models import families
from maskpolicy.models.checkpoints import save_model
from maskpolicy.models.specs import Model


def initialise_model(model: Model, tokenizer_folder: Path, seed: int, output: Path) -> None:
    """Write the checkpoint that a study starts from: a fresh model, or a pre-trained one as it is.

    The manifest says how many parameters it has, and what its family adds. Raises ArtefactError
    when a pre-trained model can't be loaded, or its vocabulary does not fit the tokenizer.
    """
    tokenizer = load_tokenizer(tokenizer_folder)
    made, facts = families.find(model.family).initial(model, tokenizer, seed)
    if model.pretrained is not None:
        tokenizer.refuse_smaller_model(made.config.vocab_size, model.pretrained)
    families.mark(made, model.family)
    save_model(made, output, parameters=made.num_parameters(), **facts)
