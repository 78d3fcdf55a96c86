"""Aspects in three lines."""

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.sources.seg import LabelledExamples

LINES = "Good $T$ and bad service .\nsoup\n1\nGood soup and bad $T$ .\r\nservice\r\n-1\r\n"


def read(tmp_path, content):
    path = tmp_path / "Restaurants_Train.xml.seg"
    path.write_text(content, newline="")
    return LabelledExamples(source="seg", train=str(path)).splits()["train"]


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n\n"])
def test_aspects_stand_in_their_texts(tmp_path, end):
    text = "Good soup and bad service ."
    assert read(tmp_path, LINES + end) == [
        ClassificationExample("Restaurants_Train.xml-1", "soup", text, "positive", cluster=text),
        ClassificationExample("Restaurants_Train.xml-4", "service", text, "negative", cluster=text),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", ": no example in it"),
        ("\n\n", ": no example in it"),
        (LINES + "A $T$ .\nsoup\n", ", line 7: an example of three lines is expected"),
        (LINES + "A soup .\nsoup\n1\n", r", line 7: no \$T\$ in the text"),
        (LINES + "\n" + LINES, r", line 7: no \$T\$ in the text"),
        (LINES + "\n\n\n" + LINES, r", line 7: no \$T\$ in the text"),
        (LINES + "A $T$ .\n\n1\n", ", line 8: the aspect is empty"),
        (LINES + "A $T$ .\nsoup\n2\n", ", line 9: the label '2' is none of -1, 0, 1"),
    ],
)
def test_a_bad_line_is_named(tmp_path, content, said):
    with pytest.raises(ArtefactError, match=rf"Restaurants_Train\.xml\.seg{said}"):
        read(tmp_path, content)
