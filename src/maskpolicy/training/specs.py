"""The parameters of training stages that count epochs, validated; loads nothing heavy."""

from typing import Annotated

from pydantic import Field

from maskpolicy.policies.specs import Spec


class EncoderTraining(Spec):
    """Fine-tuning of an encoder's head and body: AdamW, linear warm-up and decay, the best epoch.

    The defaults are those of the classifiers in paper C, appendix B.2.
    """

    learning_rate: Annotated[float, Field(gt=0)] = 2e-5  # the peak
    batch_size: Annotated[int, Field(ge=1)] = 64  # examples a step
    epochs: Annotated[int, Field(ge=1)] = 10  # at most: the epoch with the best dev score is kept
    max_length: Annotated[int, Field(ge=8)] = 256  # tokens, special ones included; cut beyond
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.1  # share of the steps
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
