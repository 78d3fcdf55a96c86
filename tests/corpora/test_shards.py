"""The shards of a corpus, found in its folder."""

import pytest

from maskpolicy.artefacts import write_json
from maskpolicy.corpora.shards import shards_in
from maskpolicy.errors import ArtefactError


def test_a_folder_stands_for_its_shards_in_order_and_no_others(tmp_path):
    write_json(tmp_path / "shard-0.json", {"shards": 11})
    (tmp_path / "shard-11.arrow").touch()  # of when it was cut into more
    assert shards_in(tmp_path) == [tmp_path / f"shard-{i}.arrow" for i in range(11)]


def test_a_folder_without_shards_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"cannot read .*shard-0\.json"):
        shards_in(tmp_path)
    write_json(tmp_path / "shard-0.json", {"rows": 3})  # as beside the annotations of a shard
    with pytest.raises(ArtefactError, match=r"shard-0\.json doesn't say how many shards"):
        shards_in(tmp_path)
