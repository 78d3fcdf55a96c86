"""Summaries by sentences, as BertSum and MatchSum hold them: {text, summary} or {src, tgt}."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from maskpolicy.json_files import JsonObject, is_text, read_json_objects
from maskpolicy.sources import base

LICENCE = "unknown; see https://github.com/maszhongming/MatchSum"
CITATION = "Liu and Lapata 2019; Zhong et al. 2020"

FIELDS = (("text", "summary"), ("src", "tgt"))
"""Of the article and of its summary: a list of sentences, or of lists of their tokens."""


class Seq2SeqExamples(base.Seq2SeqFiles):
    """An article and its summary, a sentence a line; the article is both context and source.

    The n-th example of train.jsonl has the id train-n, as the n-th line of an oracle file
    (MatchSum's {"sent_id": […]}) that is also called train.jsonl.
    """

    source: Literal["bertsum"]
    train: str  # JSONL, or a JSON list: a path, or a pattern of several; so are dev and test
    dev: str | None = None
    test: str | None = None

    def read(self, path: Path) -> Iterator[base.Example]:
        """Line after line, or item after item; those without article or summary are counted."""
        with base.skipping(path) as skip:
            for number, record in enumerate(read_json_objects(path), start=1):
                pair = next((two for two in FIELDS if set(two) <= set(record.fields)), None)
                if pair is None:
                    raise record.wrong("neither 'text' and 'summary' nor 'src' and 'tgt'")
                article, summary = (_sentences(record, name) for name in pair)
                if not article.strip():
                    skip("without an article")
                elif not summary.strip():
                    skip("without a summary")
                else:
                    name = f"{base.file_stem(path)}-{number}"
                    yield base.Example(name, article, article, summary, (summary,))


def _sentences(record: JsonObject, name: str) -> str:
    """A sentence a line, also an empty one: sentences are numbered."""
    sentences = record.fields[name]
    if not isinstance(sentences, list):
        raise record.wrong(f"the field {name!r} does not hold a list of sentences")
    text = "\n".join(_sentence(record, name, sentence) for sentence in sentences)
    if not is_text(text):
        raise record.wrong(f"{name!r} is not valid text")
    return text


def _sentence(record: JsonObject, name: str, sentence: Any) -> str:
    words = [sentence] if isinstance(sentence, str) else sentence
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise record.wrong(f"a sentence of {name!r} is neither a string nor a list of tokens")
    return " ".join(" ".join(words).split())
