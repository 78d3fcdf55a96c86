"""How a supervised policy is trained, validated; importing this module loads nothing heavy."""

from typing import ClassVar, Literal

from pydantic import model_validator

from maskpolicy.models.specs import Family, Start
from maskpolicy.specs import Count, LocalPath, Positive, Spec


class SupervisedTraining(Spec):
    """How the network of a supervised policy is trained.

    The defaults are those of Ye et al. 2021, A.1. The spans that a policy masks with the network
    are limited by its own `max_span_length`: with `targets: sentences` that must reach a sentence.
    `longest_target` of the manifest is the longest target of train, in tokens.
    """

    needs: ClassVar[Family] = "seq2seq"
    method: Literal["supervised"]
    model: str  # whose tokenizer and token embeddings it starts from
    task: str  # its train split teaches, its dev split chooses the epoch
    start: Start | None = None  # which checkpoint of the model; without it that of most arms
    targets: Literal["answers", "sentences"] = "answers"
    # sentences: those of an extractive summary of the context, for summarization tasks
    oracle: LocalPath | None = None
    # JSONL of given extractive summaries, a path or a pattern; without it ROUGE chooses
    epochs: Count = 30
    batch_size: Count = 512  # contexts a step
    learning_rate: Positive = 1e-5
    context_length: Count | None = None
    # tokens; longer contexts are cut to it, without it those longer than the model are an error

    @model_validator(mode="after")
    def _oracle_of_sentences(self) -> "SupervisedTraining":
        if self.oracle is not None and self.targets != "sentences":
            raise ValueError("`oracle` gives sentences: it needs `targets: sentences`")
        return self
