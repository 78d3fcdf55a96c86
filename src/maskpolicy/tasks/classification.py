"""Classification tasks: labelled texts and pairs of texts, read in their published formats."""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from xml.parsers import expat

import pyarrow as pa

from maskpolicy.arrow_files import read_table, write_table
from maskpolicy.artefacts import atomic_directory, write_manifest
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.randomness import key
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.tasks.specs import LabelledTexts, MovieReviews, RtPolarity, SemEval14, TabSeparated
from maskpolicy.text_files import read_json_lines, read_lines, string_field

CLASSIFICATION_SCHEMA = pa.schema(
    {"id": pa.string(), "text": pa.string(), "pair": pa.string(), "label": pa.string()}
)
"""`pair` is null where there is one text only; the label of a regression is a number in digits."""

SPLITS = ("train", "dev", "test")

CONFLICT = "conflict"
"""SemEval's label of aspects that are praised and blamed; paper C leaves them out."""


ClassificationSource = MovieReviews | RtPolarity | SemEval14 | LabelledTexts | TabSeparated


def prepare_classification(
    source: ClassificationSource,
    dev: float,
    test: float,
    split_seed: int,
    output: Path,
    regression: bool = False,
) -> None:
    """Write train.arrow, dev.arrow and test.arrow (CLASSIFICATION_SCHEMA), and manifest.json.

    `dev` and `test` are shares of the examples; a split that the source has a file of is that file.
    The manifest counts the examples of each label, or in a regression of each split. Raises
    ArtefactError naming the file and line that can't be read, and InputError when a split would be
    empty, train lacks a label of dev or test, or a label of a regression is no number.
    """
    given = {
        split: list(_read_file(source, Path(path)))
        for split in ("dev", "test")
        if (path := getattr(source, split, None)) is not None
    }
    shares = {"dev": dev, "test": test} | dict.fromkeys(given, 0.0)
    splits = split_by_text(read_classification(source), **shares, split_seed=split_seed) | given
    _check_sizes(splits)
    if regression:
        _check_numbers(splits)
    else:
        check_labels(splits)
    with atomic_directory(output) as folder:
        files = [folder / f"{split}.arrow" for split in SPLITS]
        for file, split in zip(files, SPLITS, strict=True):
            write_classification_examples(file, splits[split])
        counts = {
            split: len(some) if regression else _label_counts(some)
            for split, some in splits.items()
        }
        write_manifest(folder / "manifest.json", files, splits=counts)


def read_classification(source: ClassificationSource) -> list[ClassificationExample]:
    """The examples of a source that are to be split. Raises as :func:`prepare_classification`."""
    if isinstance(source, MovieReviews):
        from maskpolicy.sources.movie_reviews import read_reviews

        return [
            ClassificationExample(f"mr-{review.number}", review.text, None, review.label)
            for review in read_reviews("rotten_tomatoes")
        ]
    if isinstance(source, RtPolarity):
        folder = Path(source.folder)
        return [
            *_one_label(folder / "rt-polarity.pos", "positive"),
            *_one_label(folder / "rt-polarity.neg", "negative"),
        ]
    return list(_read_file(source, Path(source.train)))


def _read_file(
    source: SemEval14 | LabelledTexts | TabSeparated, path: Path
) -> Iterator[ClassificationExample]:
    if isinstance(source, SemEval14):
        return _semeval14(path, source.aspects)
    if isinstance(source, TabSeparated):
        return _tab_separated(path, source)
    return _labelled(path, source)


def split_by_text(
    examples: Sequence[ClassificationExample], dev: float, test: float, split_seed: int
) -> dict[str, list[ClassificationExample]]:
    """Deal examples to train, dev and test; examples of the same text stay together.

    Texts are ranked by a hash of (split seed, text), so the order they come in does not matter; the
    shares are met up to the examples of one text. For a pair the text is the second.
    """
    by_text = defaultdict(list)
    for example in examples:
        by_text[walked_text(example)].append(example)
    ranked = sorted(by_text, key=lambda text: int(key(split_seed, "split", text)))
    wanted = {"test": round(test * len(examples)), "dev": round(dev * len(examples))}
    splits: dict[str, list[ClassificationExample]] = {split: [] for split in SPLITS}
    for text in ranked:
        split = next((s for s, n in wanted.items() if len(splits[s]) < n), "train")
        splits[split] += by_text[text]
    return splits


def walked_text(example: ClassificationExample) -> str:
    """The text that an example is about: of an aspect and a text, the text."""
    return example.text if example.pair is None else example.pair


def check_labels(splits: Mapping[str, Sequence[ClassificationExample]]) -> tuple[str, ...]:
    """The labels of a task, sorted; they are those of its train split.

    Raises InputError, with the counts of every split, when train has fewer than two labels or
    another split has a label that train lacks.
    """
    known = sorted({example.label for example in splits["train"]})
    seen = {example.label for some in splits.values() for example in some}
    lacking = sorted(seen - set(known))
    if lacking or len(known) < 2:
        problem = f"no example of {', '.join(lacking)}" if lacking else "fewer than two labels"
        counts = "; ".join(
            f"{split}: {', '.join(f'{n} {label}' for label, n in _label_counts(some).items())}"
            for split, some in splits.items()
        )
        raise InputError(f"the train split has {problem} ({counts})")
    return tuple(known)


def write_classification_examples(path: Path, examples: Sequence[ClassificationExample]) -> None:
    """Write examples as Arrow, whole or not at all."""
    columns = {
        name: [getattr(example, name) for example in examples]
        for name in CLASSIFICATION_SCHEMA.names
    }
    write_table(path, pa.Table.from_pydict(columns, schema=CLASSIFICATION_SCHEMA))


def read_classification_examples(path: Path) -> list[ClassificationExample]:
    """Read the examples of a split. Raises ArtefactError, naming the file, when it is damaged."""
    return [ClassificationExample(**row) for row in read_table(path).to_pylist()]


def _check_sizes(splits: Mapping[str, Sequence[ClassificationExample]]) -> None:
    counts = ", ".join(f"{len(splits[split])} {split}" for split in SPLITS)
    for split in SPLITS:
        if not splits[split]:
            raise InputError(f"`{split}`: the {split} split would be empty (examples: {counts})")


def _check_numbers(splits: Mapping[str, Sequence[ClassificationExample]]) -> None:
    for split, examples in splits.items():
        for example in examples:
            try:
                finite = isfinite(float(example.label))
            except ValueError:
                finite = False
            if not finite:
                raise InputError(
                    f"{split} example {example.id}: {example.label!r} is no number, as the labels"
                    " of a regression are"
                )


def _labelled(path: Path, source: LabelledTexts) -> Iterator[ClassificationExample]:
    wanted = (source.text_field, source.pair_field, source.label_field)
    for number, record in read_json_lines(path):
        if source.label_field in record:  # labels are text, numbers, or true and false
            record[source.label_field] = str(record[source.label_field])
        text, pair, label = (
            string_field(path, number, record, field) if field else None for field in wanted
        )
        yield ClassificationExample(f"{path.stem}-{number}", text, pair, label)


def _tab_separated(path: Path, source: TabSeparated) -> Iterator[ClassificationExample]:
    lines = ((number, line.split("\t")) for number, line in read_lines(path) if line)
    columns = source.columns
    if isinstance(source.label_column, str):
        number, header = next(lines, (1, []))
        for name in columns:
            if name not in header:
                named = ", ".join(map(repr, header))
                raise ArtefactError(f"{path}, line {number}: no column {name!r} among {named}")
        columns = tuple(map(header.index, columns))
    short = 0
    for number, fields in lines:
        if len(fields) <= max(columns):
            if source.short_lines == "refuse":
                problem = f"{len(fields)} columns, but column {max(columns)} (from 0) is wanted"
                raise ArtefactError(f"{path}, line {number}: {problem}")
            short += 1
            continue
        text, *pair, label = (fields[column] for column in columns)
        yield ClassificationExample(f"{path.stem}-{number}", text, pair[0] if pair else None, label)
    if short:
        print(f"{path}: {short} lines are too short and left out", file=sys.stderr)


def _label_counts(examples: Sequence[ClassificationExample]) -> dict[str, int]:
    return dict(sorted(Counter(example.label for example in examples).items()))


def _one_label(path: Path, label: str) -> Iterator[ClassificationExample]:
    """One text a line. The original release is in Latin-1, mirrors are in UTF-8."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {error.strerror}") from error
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    # Not splitlines(): Latin-1 has control characters that Python takes for line ends.
    lines = text.removesuffix("\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise ArtefactError(f"{path}, line {number}: the line is empty")
        yield ClassificationExample(f"{path.suffix[1:]}-{number}", line.strip(), None, label)


@dataclass
class _Sentence:
    """What has been read of a <sentence>."""

    id: str
    text: str = ""
    aspects: tuple[tuple[str, str], ...] = ()  # (aspect, polarity)


def _semeval14(path: Path, aspects: str) -> Iterator[ClassificationExample]:
    """Every aspect of every sentence with its polarity, without those in conflict."""
    for sentence in _semeval14_sentences(path, aspects):
        for number, (aspect, polarity) in enumerate(sentence.aspects, start=1):
            if polarity != CONFLICT:
                name = f"{sentence.id}/{number}"
                yield ClassificationExample(name, aspect, sentence.text, polarity)


def _semeval14_sentences(path: Path, aspects: str) -> list[_Sentence]:
    element, attribute = {
        "categories": ("aspectCategory", "category"),
        "terms": ("aspectTerm", "term"),
    }[aspects]
    sentences: list[_Sentence] = []
    in_text = False
    parser = expat.ParserCreate()

    def attributes_of(name: str, given: Mapping[str, str], *wanted: str) -> list[str]:
        for one in wanted:
            if not given.get(one):
                raise ArtefactError(
                    f"{path}, line {parser.CurrentLineNumber}: <{name}> has no {one!r}"
                )
        return [given[one] for one in wanted]

    def start(name: str, given: dict[str, str]) -> None:
        nonlocal in_text
        if name == "sentence":
            sentences.append(_Sentence(*attributes_of(name, given, "id")))
        elif name in ("text", element) and not sentences:
            raise ArtefactError(
                f"{path}, line {parser.CurrentLineNumber}: <{name}> outside of a <sentence>"
            )
        elif name == "text":
            in_text = True
        elif name == element:
            aspect, polarity = attributes_of(name, given, attribute, "polarity")
            sentences[-1].aspects += ((aspect, polarity),)

    def end(name: str) -> None:
        nonlocal in_text
        if name == "text":
            in_text = False
        elif name == "sentence" and not sentences[-1].text.strip():
            raise ArtefactError(
                f"{path}, line {parser.CurrentLineNumber}: a sentence has no <text>"
            )

    def characters(data: str) -> None:
        if in_text:
            sentences[-1].text += data

    def doctype(*_: object) -> None:
        # The published files have none, and entities can be made to fill the memory.
        raise ArtefactError(
            f"{path}, line {parser.CurrentLineNumber}: a document type is not allowed"
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = doctype
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except expat.ExpatError as error:
        raise ArtefactError(
            f"{path}, line {error.lineno}: not valid XML: {expat.ErrorString(error.code)}"
        ) from error
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {error.strerror}") from error
    return sentences
