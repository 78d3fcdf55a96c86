"""Classes of texts as CSV without a header: escapes, names of classes, and bad rows."""

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import ClassificationExample, Document
from maskpolicy.sources.class_csv import Documents, LabelledExamples

AMAZON = (
    '"2","Great ""CD""","My lovely Pat.\\nHe \\""played\\"" well, C:\\dir"\r\n\n"1","","Bad."\n'
)


@pytest.fixture
def path(tmp_path):
    def write(content, name="train.csv"):
        encoded = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(encoded)
        return str(tmp_path / name)

    return write


def read(train, **fields):
    return LabelledExamples(source="class-csv", train=train, **fields).splits()["train"]


def test_titles_and_texts_with_their_classes(path):
    text = 'My lovely Pat.\nHe "played" well, C:\\dir'
    train = path(AMAZON)
    assert read(train) == [
        ClassificationExample("train-1", f'Great "CD". {text}', None, "2"),
        ClassificationExample("train-3", "Bad.", None, "1"),
    ]
    assert list(Documents(source="class-csv", path=train).documents()) == [
        Document('Great "CD"', text),
        Document("", "Bad."),
    ]
    assert read(path('"1","Just text."\n'))[0].text == "Just text."
    question = path('"1","Why?","","Because."\n"1","Why?","Tell me.","Because."\n')  # Yahoo's
    assert [example.text for example in read(question)] == [
        "Why?. Because.",
        "Why?. Tell me.\nBecause.",
    ]


def test_classes_may_have_names(path):
    classes = path("bad\r\ngood\n\n", "classes.txt")
    assert [example.label for example in read(path(AMAZON), classes=classes)] == ["good", "bad"]
    with pytest.raises(ArtefactError, match=r"train\.csv, line 2: class 3 is none of the 2 in "):
        read(path('"1","a"\n"3","a"\n'), classes=classes)
    with pytest.raises(ArtefactError, match=r"line 1: class 0 is none of the 2 in "):
        read(path('"0","a"\n'), classes=classes)
    for content in ("", "a\n\nb\n"):
        with pytest.raises(ArtefactError, match=r"classes\.txt: the name of a class a line"):
            read(path(AMAZON), classes=path(content, "classes.txt"))


def test_rows_without_text_are_counted(path, capsys):
    assert len(read(path('"1","",""\n"1","a",""\n"2"," ","\\n"\n'))) == 1
    assert "train.csv: 2 examples left out: 2 without any text" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('"1","no end', "not a row of CSV: unexpected end of data"),
        ('"1","a"b"', "not a row of CSV: ',' expected after '\"'"),
        ('"1"', "1 column, but 2 are expected"),
        ('"1","a","b"', "3 columns, but 2 are expected"),
        ('"label","text"', "the class 'label' is no number"),
        ('"-1","a"', "the class '-1' is no number"),
        ('"²","a"', "the class '²' is no number"),
        (b'"1","\xff"', "not UTF-8"),
        (b'"1","\0"', "NUL"),
    ],
)
def test_a_bad_row_is_named(path, row, said):
    row = row if isinstance(row, bytes) else row.encode()
    with pytest.raises(ArtefactError, match=rf"train\.csv, line 2: .*{said}"):
        read(path(b'"1","a"\n' + row + b'\n"2","b"\n'))


def test_a_file_of_another_format_is_named(path):
    with pytest.raises(ArtefactError, match=r"train\.csv: no example in it"):
        read(path("\n"))
    with pytest.raises(ArtefactError, match="line 1: 1 column, but a class and a text are"):
        read(path("just text\n"))


def test_long_texts_are_read(path):
    assert len(read(path(b'\xef\xbb\xbf"1","' + b"a" * 200_000 + b'"\n'))[0].text) == 200_000
