"""Documents and tokenizers that the tests of the corpora write for themselves."""

from collections.abc import Callable, Sequence
from itertools import starmap
from pathlib import Path

import pytest

from maskpolicy.corpora.documents import write_documents
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.tokenizer import Tokenizer, load_tokenizer, train_tokenizer
from maskpolicy.sources.base import Document

KENYA = (
    "Trade centers such as Mombasa have existed since at least the 2nd century."
    " In 1895, the British established the East Africa Protectorate."
    " Jomo KENYATTA led Kenya from independence in 1963 until his death in 1978."
    ' He said: "Harambee!" Its capital is Nairobi.'
)
DOCUMENTS = [
    ("Kenya", KENYA),
    (
        "Japan",
        "Emperor NARUHITO has reigned since 1 May 2019. 日本の首都は東京です。 Highest: 3,776 m.",
    ),
    ("", "A text without a title. It costs $5.50, doesn't it? Yes — naïvely so 🙂."),
    ("Empty", "  "),
    ("Chad", "landlocked; dry " + "and flat and hot " * 40 + "in the north."),
]

WriteDocuments = Callable[[Path, Sequence[tuple[str, str]]], Path]


def write_folder(folder: Path, documents: Sequence[tuple[str, str]]) -> Path:
    write_documents(starmap(Document, documents), folder)
    return folder


@pytest.fixture(name="write_documents", scope="session")
def _write_documents() -> WriteDocuments:
    return write_folder


@pytest.fixture(scope="session")
def own_documents() -> list[tuple[str, str]]:
    """(title, text) of each document of the `documents` file."""
    return DOCUMENTS


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("corpus") / "documents", DOCUMENTS)


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory, documents: Path) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer") / "bpe"
    train_tokenizer([documents], TrainedTokenizer(train_on=("own",), vocabulary_size=400), folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    return load_tokenizer(tokenizer_folder)
