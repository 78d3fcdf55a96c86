"""How much text and how many examples a study has: counted where they are there, else assumed.

What is assumed is said, and rather too large than too small.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from maskpolicy.artefacts import read_json
from maskpolicy.corpora.specs import Corpus, DocumentShare, PretrainedTokenizer
from maskpolicy.errors import ArtefactError
from maskpolicy.forecast.models import size_of_pretrained
from maskpolicy.sources.base import files_at
from maskpolicy.study.plan import Plan
from maskpolicy.text_files import codec_of

BYTES_A_TOKEN = 4.0
"""Of English text."""

SHARE_OF_TEXT = {"mediawiki": 0.2}
"""Source -> share of its files, unpacked, that is text; of other formats it is nearly all."""

COMPRESSION = 3.5
"""Bytes of text in a byte of a compressed file."""

DOCUMENT_BYTES = 4_000
"""Of a document, where only their number is known."""

SENTENCE_TOKENS = 25
FILLED = {"passages": 0.85, "sentences": 0.6}
"""Of a row's tokens, how many there are on average."""

VOCABULARY = 50_000
"""Of a tokenizer that nothing is known of."""

TRAIN, HELD_OUT = 5_000, 1_000
"""Examples of a task, and of a split that its source tells apart, that nothing is known of."""

KNOWLEDGE_BYTES = 34e9
"""Of KILT's pages."""

EXAMPLE_BYTES = 400
"""Of an example in a file, about."""


class CorpusSize(NamedTuple):
    """How much text a corpus has."""

    tokens: float
    rows: float
    bytes: float  # of text

    @property
    def row(self) -> float:
        """Tokens of a row, on average."""
        return self.tokens / max(1.0, self.rows)


class TaskSize(NamedTuple):
    """Examples of each split of a task."""

    train: int
    dev: int
    test: int


@dataclass
class Texts:
    """Sizes of the corpora and tasks of a study, each looked up until it is there."""

    plan: Plan
    assumed: dict[str, str] = field(default_factory=dict)
    """Key of the configuration -> what was assumed of it."""
    _counted: dict[tuple[str, ...], Any] = field(default_factory=dict)
    _guessed: dict[tuple[str, ...], Any] = field(default_factory=dict)

    def vocabulary(self, tokenizer: str) -> int:
        """How many tokens a tokenizer knows, about."""
        record = self.plan.study.tokenizers[tokenizer]
        if not isinstance(record, PretrainedTokenizer):
            return record.vocabulary_size
        size = size_of_pretrained(record.pretrained)
        if size is None:
            self.assumed[f"tokenizers.{tokenizer}"] = f"{VOCABULARY:,} tokens, as of BART"
        return size.vocabulary if size else VOCABULARY

    def corpus(self, name: str, tokenizer: str) -> CorpusSize:
        """How much text a corpus has for a tokenizer: by its shards, its documents, its files, or
        how much stages read of it.
        """
        return self._known(
            ("corpora", name, tokenizer),
            [
                (
                    self.plan.token_shards(name, tokenizer)[-1],
                    lambda: self._of_shards(name, tokenizer),
                ),
                (f"{self.plan.documents(name)}.json", lambda: self._of_documents(name)),
            ],
            lambda: self._of_files(name) or self._of_stages(name),
        )

    def task(self, name: str) -> TaskSize:
        """How many examples a task has: by its splits, as expected, or by its files."""
        manifest = f"{self.plan.study.results}/tasks/{name}/manifest.json"
        return self._known(
            ("tasks", name),
            [(manifest, lambda: _of_splits(manifest))],
            lambda: self._of_task(name),
        )

    def knowledge(self, name: str) -> float:
        """Bytes of the pages that contexts are looked up in."""
        size = _text_bytes(self.plan.study.knowledge[name].path)
        if not size:
            self.assumed[f"knowledge.{name}"] = f"{KNOWLEDGE_BYTES / 1e9:.0f} GB, as of KILT"
        return size or KNOWLEDGE_BYTES

    def _known(
        self,
        key: tuple[str, ...],
        counted: Iterable[tuple[str, Callable[[], Any]]],
        guessed: Callable[[], Any],
    ) -> Any:
        """What the first file that is there says, or else a guess; both are asked once."""
        if key in self._counted:
            return self._counted[key]
        for number, (path, count) in enumerate(counted):
            if Path(path).exists():
                try:
                    found = count()
                except (ArtefactError, KeyError, TypeError, AttributeError):
                    continue  # it is another rule's to say what is wrong with it
                if number == 0:
                    self._counted[key] = found
                return found
        if key not in self._guessed:
            self._guessed[key] = guessed()
        return self._guessed[key]

    # --- corpora ----------------------------------------------------------------------------------

    def _of_shards(self, name: str, tokenizer: str) -> CorpusSize:
        manifests = map(read_json, map(Path, self.plan.token_shards(name, tokenizer)))
        counts = [(manifest["tokens"], manifest["rows"]) for manifest in manifests]
        tokens, rows = map(sum, zip(*counts, strict=True))
        return CorpusSize(tokens, rows, tokens * BYTES_A_TOKEN)

    def _of_documents(self, name: str) -> CorpusSize:
        manifest = read_json(Path(f"{self.plan.documents(name)}.json"))
        size = sum(part["text_bytes"] for part in manifest["parts"])
        return self._of_bytes(self.plan.study.corpora[name], size)

    def _of_files(self, name: str) -> CorpusSize | None:
        corpus = self.plan.study.corpora[name]
        size = sum(map(_text_bytes, self.plan.study.files_read("corpora", name)))
        size *= SHARE_OF_TEXT.get(corpus.documents.source, 1.0)
        match corpus.limit:
            case DocumentShare(share=share):
                size *= share
            case int(number):
                size = min(size or number * DOCUMENT_BYTES, number * DOCUMENT_BYTES)
        if not size:
            return None
        self.assumed[f"corpora.{name}"] = f"{size / 1e6:,.1f} MB of text, by its files"
        return self._of_bytes(corpus, size)

    def _of_stages(self, name: str) -> CorpusSize:
        """As much as stages read in as many passes as they have masks: what masks are made for."""
        study = self.plan.study
        corpus = study.corpora[name]
        stages = [study.general] if study.general else []
        read = max(
            (
                stage.steps * stage.batch_size / stage.mask_epochs
                for stage in chain(stages, study.intermediate.values())
                if stage.corpus == name
            ),
            default=TRAIN,
        )
        tokens = read * _usual_row(corpus)
        self.assumed[f"corpora.{name}"] = (
            f"{tokens:,.0f} tokens, as many as its stages read in `mask_epochs` passes"
        )
        return CorpusSize(tokens, read, tokens * BYTES_A_TOKEN)

    def _of_bytes(self, corpus: Corpus, size: float) -> CorpusSize:
        tokens = size / BYTES_A_TOKEN
        return CorpusSize(tokens, tokens / _usual_row(corpus), size)

    # --- tasks ------------------------------------------------------------------------------------

    def _of_task(self, name: str) -> TaskSize:
        record, files = self.plan.study.tasks[name], {}
        paths = record.examples.paths()
        for split in ("train", "dev", "test"):
            expected = record.expected.get(split)
            found = _text_bytes(paths[split]) / EXAMPLE_BYTES if split in paths else 0
            told_apart = HELD_OUT if split in paths and split != "train" else 0
            files[split] = expected or round(found) or told_apart
        train = files["train"] or TRAIN
        if not record.expected.get("train"):
            self.assumed[f"tasks.{name}"] = f"{train:,} examples to train on or to deal from"
        dealt = {
            split: files[split] or round(share * train if share < 1 else share)
            for split, share in (("dev", record.dev), ("test", record.test))
        }
        of_train = sum(dealt[split] for split in dealt if not files[split])
        return TaskSize(max(1, train - of_train), dealt["dev"], dealt["test"])


def _usual_row(corpus: Corpus) -> float:
    filled = FILLED[corpus.rows] * corpus.sequence_length
    return min(filled, SENTENCE_TOKENS) if corpus.rows == "sentences" else filled


def _of_splits(manifest: str) -> TaskSize:
    facts = read_json(Path(manifest))
    splits = [facts["splits"].get(split, {}) for split in ("train", "dev", "test")]
    if facts.get("kind") == "classification":  # of each label how many there are
        train, dev, test = (sum(counts.values()) for counts in splits)
    else:
        train, dev, test = (counts.get("examples", 0) for counts in splits)
    return TaskSize(max(1, train), dev, test)


def _text_bytes(path: str) -> float:
    """Bytes of text in a file or folder, or in those of a pattern; 0 where there is none."""
    try:
        return float(sum(map(_bytes_at, files_at(path))))
    except (ArtefactError, OSError):
        return 0.0


def _bytes_at(path: Path) -> float:
    if path.is_dir():
        return sum(_bytes_at(file) for file in path.iterdir() if file.is_file())
    return path.stat().st_size * (COMPRESSION if codec_of(path) else 1.0)
