"""How a meta-learned policy is trained, validated; importing this module loads nothing heavy."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from maskpolicy.models.specs import Family, Start
from maskpolicy.specs import Count, Positive, Rate, Spec

Engine = Literal["higher", "exact", "finite-difference"]
"""What computes the gradient of a meta step (see `hypergradient`)."""

Precision = Literal["float32", "bfloat16"]


class MetaTraining(Spec):
    """How the network of a meta-learned policy is trained (Ye et al. 2021, 4.3, Algorithm 1).

    The paper gives `budget` and `tolerance` (as an example) and one step of each kind; the rest it
    leaves open.
    """

    needs: ClassVar[Family] = "seq2seq"
    method: Literal["meta"]
    model: str  # f: the policy is learned with its checkpoint and starts from its token embeddings
    task: str  # its train split teaches, its dev split chooses among the evaluations
    start: Start | None = None  # which checkpoint of the model; without it that of most arms
    steps: Count = 1000  # T, outer steps
    batch_size: Count = 8  # examples (context, source, target) a step
    pretrain_steps: Count = 1  # K, inner steps on masked contexts, each with a mask of its own
    pretrain_rate: Positive = 0.1  # alpha_0: plain gradient descent, as large as is stable
    finetune_rate: Positive = 0.1  # alpha_1: likewise
    learning_rate: Positive = 1e-3  # alpha_2: of Adam, as the scale of meta-gradients is unknown
    budget: Rate = 0.15  # gamma, share of tokens to mask
    tolerance: Rate = 0.05  # epsilon, around the budget, within which masking costs nothing
    penalty: Positive = 0.01  # beta, of a squared number of tokens, against a loss in nats
    temperature: tuple[Positive, Positive] = (1.0, 0.5)  # Gumbel-softmax, first and last step
    straight_through: bool = True  # inner steps see hard decisions, gradients the soft ones
    engine: Engine = "finite-difference"
    # all give the same gradient; see `make bench-meta` for time and memory
    first_order: bool = False  # without products with Hessians: faster, but another direction;
    # cosine with the exact gradient: .2 to .8, nearer to 1 only for inner rates that hardly train
    checkpointing: bool = False  # less memory, more time (finite-difference)
    precision: Precision = "float32"  # of layers (finite-difference);
    # cosine with the exact gradient: .9994 and above, or .96 and above where d is 128 to 768
    context_length: Count | None = None
    # tokens; longer contexts are cut to it, without it those longer than the model are an error
    source_length: Annotated[int, Field(ge=2)] = 128  # tokens, special ones included; cut beyond
    target_length: Annotated[int, Field(ge=2)] = 32  # likewise; cuts are counted in the manifest
    evaluations: Count = 10  # times that the policy is measured on dev; the best is kept
    dev_examples: Count = 64  # examples of dev that it is measured on

    @model_validator(mode="after")
    def _engine_can(self) -> "MetaTraining":
        if self.engine == "higher" and self.first_order:
            raise ValueError("`first_order` needs `engine: exact` or `engine: finite-difference`")
        if self.engine != "finite-difference":
            if self.checkpointing:
                raise ValueError("`checkpointing` needs `engine: finite-difference`")
            if self.precision == "bfloat16":
                raise ValueError("`precision: bfloat16` needs `engine: finite-difference`")
        if self.tolerance >= self.budget:
            raise ValueError(
                "`tolerance` reaches down to no mask at all: it must be below `budget`"
            )
        if self.evaluations > self.steps:
            raise ValueError("there can't be more `evaluations` than `steps`")
        return self
