"""A tiny encoder in float64, whose gradients obey algebra to twelve digits."""

import pyarrow as pa
import pytest

from maskpolicy.analysis.specs import VarianceAnalysis
from maskpolicy.arrow_files import write_table
from maskpolicy.corpora.documents import DOCUMENT_SCHEMA
from maskpolicy.corpora.sharding import shard_corpus
from maskpolicy.corpora.tokenizer import load_tokenizer
from maskpolicy.corruption.rendering import SpecialIds
from maskpolicy.models.encoder import load_masked_lm


@pytest.fixture
def spec():
    """A small analysis of sequences of eight tokens, two of them masked; `changed` by keyword."""

    def make(**changed):
        sizes = {"model": "bert", "corpus": "reviews", "rows": 3, "length": 8, "masked": 2}
        sizes |= {"masks": (2, 4), "distances": 3, "pairs": 2, "groups": 2, "reference": 4}
        return VarianceAnalysis(**{**sizes, "batch_size": 3, **changed})

    return make


@pytest.fixture(scope="session")
def encoder(encoder_folder):
    return load_masked_lm(encoder_folder).double()


@pytest.fixture(scope="session")
def special(wordpiece_folder):
    return SpecialIds.of(load_tokenizer(wordpiece_folder))


@pytest.fixture(scope="session")
def review_shards(tmp_path_factory, wordpiece_folder, reviews):
    """The same corpus of short reviews in one shard, and in three."""
    folder = tmp_path_factory.mktemp("shards")
    texts = [example.text for example in reviews(60, 0)]
    columns = {"document": range(60), "title": [""] * 60, "text": texts}
    write_table(folder / "documents.arrow", pa.Table.from_pydict(columns, DOCUMENT_SCHEMA))
    cut = {}
    for number in (1, 3):
        cut[number] = [folder / f"{number}-{i}.arrow" for i in range(number)]
        for i, shard in enumerate(cut[number]):
            shard_corpus(
                folder / "documents.arrow",
                wordpiece_folder,
                shard,
                sequence_length=16,
                shard=i,
                shards=number,
            )
    return cut
