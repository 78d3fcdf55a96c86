"""Own questions and answers, or any text to be made of another, in JSONL, CSV, TSV or Parquet."""

from collections.abc import Iterator
from typing import Literal

from maskpolicy.json_files import JsonObject
from maskpolicy.sources import base
from maskpolicy.sources.own.rows import Rows
from maskpolicy.sources.own.templates import Template, fields_of, fill

ID = "id"
CONTEXT = "{context}"
"""What rows need not have, as long as it is called so."""


class Seq2SeqExamples(Rows, base.Seq2SeqExamples):
    """An example a row, made of fields of these names."""

    PATHS = base.SPLITS

    source: Literal["own-pairs"]
    train: str  # path, or a pattern of several
    dev: str | None = None  # likewise; splits without a file are dealt from `train`
    test: str | None = None
    source_template: Template = "{question}"  # text, and fields in braces; braces of text doubled
    target_field: str | None = None  # without it the target is the first of the answers
    # a list, or one string; without it `answers`, or where there is a target that one alone
    answers_field: str | None = None
    context_template: Template | None = CONTEXT  # null: none
    choices_field: str | None = None  # a list of strings; write them in the source, too
    separator: str | None = None  # between the items of lists in templates
    id_field: str | None = ID  # null: examples are numbered, as they are where rows have no `id`
    group_field: str | None = None  # examples equal in it are in one split; else equal sources
    cluster_field: str | None = None  # those equal in it aren't independent in tests; else groups

    def splits(self) -> dict[str, list[base.Example]]:
        """The splits that are named. Raises ArtefactError also for two rows of the same id."""
        places: dict[str, str] = {}
        return {split: list(self._examples(split, at, places)) for split, at in self.split_places()}

    def _examples(self, split: str, at: str, places: dict[str, str]) -> Iterator[base.Example]:
        for number, row in enumerate(self.rows(at), start=1):
            name = self._id(row) or f"{split}-{number}"
            if name in places:
                raise row.wrong(
                    f"{name!r} is the id in {places[name]}, too; where ids begin anew in every"
                    " file, write `id_field: null`"
                )
            places[name] = row.place
            source = fill(self.source_template, row, self.separator)
            if not source.strip():
                raise row.wrong(f"{self.source_template!r} gives an empty source")
            answers = self._answers(row)
            yield base.Example(
                id=name,
                context=self._context(row),
                source=source,
                target=answers[0],
                answers=answers,
                group=row.name(self.group_field),
                cluster=row.name(self.cluster_field),
                choices=self._choices(row, answers[0]),
            )

    def _id(self, row: JsonObject) -> str:
        lacks = self.id_field == ID and row.find(ID) is None
        return "" if self.id_field is None or lacks else row.name(self.id_field)

    def _context(self, row: JsonObject) -> str:
        template = self.context_template
        if template is None or (template == CONTEXT and row.find(*fields_of(template)) is None):
            return ""
        return fill(template, row, self.separator)

    def _answers(self, row: JsonObject) -> tuple[str, ...]:
        """All acceptable ones, the target first."""
        if self.target_field is None:
            return self._acceptable(row, self.answers_field or "answers")
        target = row.written(self.target_field)
        if not target.strip():
            raise row.wrong(f"the field {self.target_field!r} is empty")
        others = self._acceptable(row, self.answers_field) if self.answers_field else ()
        return (target, *(answer for answer in others if answer != target))

    def _acceptable(self, row: JsonObject, field: str) -> tuple[str, ...]:
        if isinstance(row.find(field), str) and (answer := row.text(field)).strip():
            return (answer,)
        return row.texts(field)

    def _choices(self, row: JsonObject, target: str) -> tuple[str, ...]:
        if self.choices_field is None:
            return ()
        choices = row.texts(self.choices_field)
        if target not in choices:
            raise row.wrong(f"the answer {target!r} is none of the choices {', '.join(choices)}")
        return choices
