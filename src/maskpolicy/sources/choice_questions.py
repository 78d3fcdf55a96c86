"""The form of questions with choices that WIQA and QuaRTz share, and how a source spells them."""

from dataclasses import dataclass

from maskpolicy.json_files import JsonObject


@dataclass(frozen=True)
class ChoiceQuestion:
    """A question, and what is to be chosen from: label -> text, in the order of the file."""

    stem: str
    choices: dict[str, str]

    def asked_of(self, passage: str) -> str:
        """The source of an example: "question \\n (A) choice (B) choice \\n passage", in lines."""
        choices = " ".join(f"({label}) {text}" for label, text in self.choices.items())
        return f"{self.stem}\n{choices}\n{passage}"


def read_choice_question(question: JsonObject) -> ChoiceQuestion:
    """The fields `stem` and `choices`, of which each has a label and a text.

    Raises ArtefactError, naming the place, also for fewer than two choices, and a label of two.
    """
    choices: dict[str, str] = {}
    for choice in question.objects("choices"):
        label = choice.filled("label")
        if label in choices:
            raise choice.wrong(f"the label {label!r} is that of another choice")
        choices[label] = choice.filled("text")
    if len(choices) < 2:
        raise question.wrong("fewer than two choices")
    return ChoiceQuestion(question.filled("stem"), choices)


def chosen(question: ChoiceQuestion, holder: JsonObject, field: str) -> str:
    """The text of the choice whose label a field of `holder` is.

    Raises ArtefactError, naming the place, where it is missing or the label of no choice.
    """
    if not holder.fields.get(field):
        raise holder.wrong(f"no {field!r}: a test file without answers can't be scored")
    label = holder.filled(field)
    if label not in question.choices:
        known = ", ".join(question.choices)
        raise holder.wrong(f"{field!r} is {label!r}, which none of the choices {known} is")
    return question.choices[label]
