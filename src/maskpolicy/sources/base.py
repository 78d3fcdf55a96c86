"""What sources yield: documents, and examples of downstream tasks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Document:
    """A text and its title ("" where it has none)."""

    title: str
    text: str


def titled(title: str, text: str) -> str:
    """A text that begins with its title, as sequences of tokens and contexts of examples do."""
    return f"{title}. {text}" if title else text


@dataclass(frozen=True)
class Example:
    """One example of a downstream task (paper A, section 2: context c, source s, target t).

    id: stable and unique in the task, "subject/relation" where examples ask for relations; context:
    the passage that answers it ("" where none is known); answers: all acceptable ones, the target
    first.
    """

    id: str
    context: str
    source: str
    target: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class ClassificationExample:
    """A text, or an aspect or first sentence and the text that goes with it, and its label."""

    id: str
    text: str
    pair: str | None
    label: str

    @property
    def answers(self) -> tuple[str, ...]:
        """The one acceptable prediction."""
        return (self.label,)
