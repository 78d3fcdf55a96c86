"""Arrow files: whole or absent, and damage is named."""

import pyarrow as pa
import pytest

from maskpolicy import arrow_files
from maskpolicy.errors import ArtefactError

TABLE = pa.table({"x": list(range(1000))})


def test_a_failed_write_keeps_what_was_there(tmp_path):
    path = tmp_path / "table.arrow"
    arrow_files.write_table(path, TABLE)
    with pytest.raises(RuntimeError), arrow_files.write_batches(path, TABLE.schema) as writer:
        writer.write_table(TABLE.slice(0, 1))
        raise RuntimeError
    assert arrow_files.read_table(path).num_rows == 1000
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("keep", [0, 4, 100, -10])
def test_a_truncated_arrow_file_is_named(tmp_path, keep):
    path = tmp_path / "table.arrow"
    arrow_files.write_table(path, TABLE)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ArtefactError, match=rf"{path} is damaged or truncated"):
        arrow_files.read_table(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"nowhere\.arrow is missing"):
        arrow_files.open_batches(tmp_path / "nowhere.arrow")
