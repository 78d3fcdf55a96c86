"""What a trainer is given and what it gives back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from transformers import PreTrainedModel

from maskpolicy.decisions.budgets import MaskedCorpusFacts, read_budgets
from maskpolicy.decisions.files import has_manifest, mask_manifest
from maskpolicy.errors import InputError
from maskpolicy.models import families
from maskpolicy.models.checkpoints import lineage_of
from maskpolicy.models.families.base import ModelFamily
from maskpolicy.pretrained import files_of
from maskpolicy.training.loop import TrainingHistory
from maskpolicy.training.masked_data import MaskedCorpus, Renderer
from maskpolicy.training.specs import Pretraining
from maskpolicy.training.state import Saving, fingerprint

HOW = {"shard_parameters"}
"""Settings of a stage that its result does not depend on."""


@dataclass(frozen=True)
class PretrainingJob:
    """One pre-training, general or intermediate: from which checkpoint, on what, and how.

    copies: masked copies of a sequence in one step; title: what its progress is shown under.
    """

    checkpoint: Path
    corpus: MaskedCorpus
    copies: int
    stage: Pretraining
    seed: int
    title: str

    def identity(self) -> str:
        """The fingerprint of everything that the result depends on: not of how many processes make
        it, nor of what each of them keeps.
        """
        settings = [
            self.corpus.objective.model_dump(),
            self.corpus.seed,
            self.copies,
            self.stage.model_dump(exclude=HOW),
            self.seed,
        ]
        return fingerprint(settings, [*files_of(self.checkpoint), *self.corpus.files])

    def lineage(self, steps: int) -> list[dict[str, Any]]:
        """What the manifest of its checkpoint after so many steps says of the stages that made it
        (see :func:`lineage_of`), with the budget of the masks where they have manifests.
        """
        manifests = [mask_manifest(file) for file in self.corpus.masks[0] if has_manifest(file)]
        stage: dict[str, Any] = {"stage": "pre-training"}
        if manifests:
            masks = MaskedCorpusFacts.of(manifests)
            stage |= {"corpus": masks.corpus, "policy": masks.policy}
            budget = read_budgets(manifests)[masks.policy]
            stage |= {"masks_seed": masks.seed, "budget": budget.model_dump()}
        stage |= {
            "objective": self.corpus.objective.model_dump(),
            "copies": self.copies,
            "settings": self.stage.model_dump(mode="json", exclude_none=True, exclude=HOW),
            "seed": self.seed,
            "steps": steps,
        }
        return [*lineage_of(self.checkpoint), stage]


@dataclass(frozen=True)
class Pretrained:
    """A trained model, and what its training did."""

    model: PreTrainedModel
    history: TrainingHistory


class Trainer(Protocol):
    """Trains a model on a masked corpus, going on where an interruption left off."""

    def __call__(self, job: PretrainingJob, saving: Saving) -> Pretrained:
        """Train; `saving` keeps what must outlast an interruption.

        The checkpoints of the stage's `stops` are left in its folder `kept_files`, each where
        :func:`stop_folder` says. Raises InputError where rows don't fit the model, and Diverged.
        """
        ...


def family_of(job: PretrainingJob) -> ModelFamily:
    """The family of the checkpoint. Raises InputError where it can't express the objective."""
    family = families.of_checkpoint(job.checkpoint)
    if problem := job.corpus.objective.incompatibility(family.name):
        raise InputError(f"{job.checkpoint}: {problem}")
    return family


def refuse_long_rows(job: PretrainingJob, renderer: Renderer, max_length: int) -> None:
    """Raise InputError where rows with their special tokens have more tokens than the model takes.

    Without it they would be cut.
    """
    longest = renderer.longest_row
    if longest + renderer.special.ends > max_length:
        raise InputError(
            f"the rows of {job.corpus.shards[0].parent} have up to {longest} tokens, which with"
            f" special ones are more than the {max_length} of {job.checkpoint}: lower the corpus's"
            " `sequence_length`"
        )


def stop_folder(checkpoint: Path, step: int) -> Path:
    """Where the checkpoint of one of a stage's `stops` lies, in the folder of the last one."""
    return checkpoint / f"step-{step}"
