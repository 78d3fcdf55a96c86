"""What of a corpus can be configured: how many documents are read."""

import json

import pytest
from pydantic import ValidationError

from maskpolicy.corpora.specs import Corpus, DocumentShare


def corpus(**fields) -> Corpus:
    documents = {"source": "text", "path": "own.txt"}
    given = {"documents": documents, "sequence_length": 128, **fields}
    return Corpus.model_validate_json(json.dumps(given))


def test_a_limit_is_a_number_or_a_share():
    assert (corpus().limit, corpus().deduplicate) == (None, False)
    assert corpus(limit=72_000, deduplicate=True).limit == 72_000
    assert corpus(limit={"share": 0.03}).limit == DocumentShare(share=0.03, seed=0)


def test_what_is_wrong_with_a_share_is_all_that_is_said():
    with pytest.raises(ValidationError, match="less than 1") as error:
        corpus(limit={"share": 3})
    assert error.value.error_count() == 1


@pytest.mark.parametrize("limit", [0, 0.5, {"share": 3}, {"share": 0.5, "size": 1}, "all"])
def test_any_other_limit_is_refused(limit):
    with pytest.raises(ValidationError, match="limit"):
        corpus(limit=limit)
