"""From the name of a source to the records of its module: the one place that knows all of them."""

import json
from collections.abc import Iterator
from importlib import import_module
from inspect import getdoc
from typing import Any, Literal

from pydantic import ValidationError, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import InitErrorDetails, PydanticCustomError

from maskpolicy.sources.base import Source

SOURCES = {
    "ag-news": "maskpolicy.sources.ag_news",
    "bertsum": "maskpolicy.sources.bertsum",
    "class-csv": "maskpolicy.sources.class_csv",
    "cnn-dm": "maskpolicy.sources.cnn_dm",
    "dpr-biencoder": "maskpolicy.sources.dpr_biencoder",
    "dpr-qa": "maskpolicy.sources.dpr_qa",
    "dsp": "maskpolicy.sources.dsp",
    "factbook": "maskpolicy.sources.factbook",
    "hyperpartisan": "maskpolicy.sources.hyperpartisan",
    "kilt": "maskpolicy.sources.kilt",
    "mediawiki": "maskpolicy.sources.mediawiki",
    "movie-reviews": "maskpolicy.sources.movie_reviews",
    "nq-open": "maskpolicy.sources.nq_open",
    "own-documents": "maskpolicy.sources.own.documents",
    "own-labels": "maskpolicy.sources.own.labels",
    "own-pairs": "maskpolicy.sources.own.pairs",
    "quartz": "maskpolicy.sources.quartz",
    "ropes": "maskpolicy.sources.ropes",
    "rt-polarity": "maskpolicy.sources.rt_polarity",
    "scicite": "maskpolicy.sources.scicite",
    "seg": "maskpolicy.sources.seg",
    "semeval14": "maskpolicy.sources.semeval14",
    "text": "maskpolicy.sources.text",
    "triviaqa": "maskpolicy.sources.triviaqa",
    "tsv": "maskpolicy.sources.tsv",
    "webquestions": "maskpolicy.sources.webquestions",
    "wikiextractor": "maskpolicy.sources.wikiextractor",
    "wikitext": "maskpolicy.sources.wikitext",
    "wiqa": "maskpolicy.sources.wiqa",
    "xsum": "maskpolicy.sources.xsum",
}
"""Name -> module, imported only when a configuration names it."""

Kind = Literal["Documents", "Seq2SeqExamples", "LabelledExamples"]
"""What a source may yield: the name of its record for it, and of the promise in `base`."""

YIELDS: dict[Kind, str] = {
    "Documents": "documents",
    "Seq2SeqExamples": "seq2seq examples",
    "LabelledExamples": "labelled examples",
}
"""What sources yield, in words."""


def find_record(name: str, kind: Kind) -> type[Source] | None:
    """The record of a source for what is wanted of it; None when it doesn't yield that."""
    return getattr(import_module(SOURCES[name]), kind, None)


def kind_yielded(value: Any, *kinds: Kind) -> Kind | None:
    """The first of `kinds` that the source of `value`, {source: NAME, …}, yields; None for none."""
    name = value.get("source") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in SOURCES:
        return None
    return next((kind for kind in kinds if find_record(name, kind)), None)


def by_name(*kinds: Kind) -> WrapValidator:
    """Checks a field of a configuration, {source: NAME, …}, as the record of that source.

    Where the source yields none of `kinds`, the error at `source` lists those that do.
    """

    def validate(value: Any, handler: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Source:
        if not isinstance(value, dict):
            return handler(value)  # a record already, or no record at all
        if "source" not in value:
            raise _error("missing_choice", "this key is missing; one of: {known}", kinds, value)
        kind = kind_yielded(value, *kinds)
        record = find_record(value["source"], kind) if kind else None
        if record is None:
            message = "the sources of {kinds} are {known}"
            raise _error("unknown_source", message, kinds, value["source"])
        # As it came: strict validation takes a list for a tuple only from JSON.
        if info.mode == "json":
            return handler(record.model_validate_json(json.dumps(value), context=info.context))
        return handler(record.model_validate(value, context=info.context))

    return WrapValidator(validate)


def licence_of(name: str) -> str:
    """The licence of what a source reads, which is the user's own where no one published it."""
    return getattr(import_module(SOURCES[name]), "LICENCE", "your own")


def describe_sources() -> Iterator[tuple[str, str, str, str, str]]:
    """Each source: its name, what it yields, what it is in a line, its licence and citation."""
    for name, address in SOURCES.items():
        module = import_module(address)
        yields = [word for kind, word in YIELDS.items() if find_record(name, kind)]
        line = (getdoc(module) or "").partition("\n")[0]
        citation = getattr(module, "CITATION", "")
        yield name, ", ".join(yields), line, licence_of(name), citation


def _error(name: str, message: str, kinds: tuple[Kind, ...], value: Any) -> ValidationError:
    known = [name for name in SOURCES if any(find_record(name, kind) for kind in kinds)]
    words = {"kinds": " or ".join(YIELDS[kind] for kind in kinds), "known": ", ".join(known)}
    problem = PydanticCustomError(name, message, words)
    details = InitErrorDetails(type=problem, loc=("source",), input=value)
    return ValidationError.from_exception_data("source", [details])
