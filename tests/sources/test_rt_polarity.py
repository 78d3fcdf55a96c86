"""MR as released: its encodings, and the lines that errors name."""

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.rt_polarity import LabelledExamples


def examples(folder):
    return LabelledExamples(source="rt-polarity", folder=str(folder)).splits()["train"]


@pytest.mark.parametrize("encoding", ("utf-8", "latin-1"))
def test_text_is_decoded_by_trying(tmp_path, encoding):
    # In Latin-1 "\x85" is a character that str.splitlines() takes for the end of a line.
    (tmp_path / "rt-polarity.pos").write_bytes("très fresh \nfunny \x85 ha \n".encode(encoding))
    (tmp_path / "rt-polarity.neg").write_bytes("dull \n".encode(encoding))
    assert [(e.id, e.text, e.label) for e in examples(tmp_path)] == [
        ("pos-1", "très fresh", "positive"),
        ("pos-2", "funny \x85 ha", "positive"),
        ("neg-1", "dull", "negative"),
    ]


def test_errors_name_file_and_line(tmp_path):
    with pytest.raises(ArtefactError, match=r"cannot read .*rt-polarity\.pos"):
        examples(tmp_path)
    (tmp_path / "rt-polarity.pos").write_text("fresh\n\nfunny\n")
    with pytest.raises(ArtefactError, match=r"rt-polarity\.pos, line 2: the line is empty"):
        examples(tmp_path)
