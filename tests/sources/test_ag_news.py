"""AG's News: line ends that are backslashes."""

from maskpolicy.sources.ag_news import Documents, LabelledExamples
from maskpolicy.sources.base import ClassificationExample, Document

ROWS = '"3","Fears for T N","Its\\northern  plants.\\\\""Bad,""\\he said."\n'


def test_line_ends_are_spaces(tmp_path):
    train, classes = tmp_path / "train.csv", tmp_path / "classes.txt"
    train.write_text(ROWS)
    classes.write_text("World\nSports\nBusiness\nSci/Tech\n")
    text = 'Its northern plants. "Bad," he said.'
    source = LabelledExamples(source="ag-news", train=str(train), classes=str(classes))
    assert source.splits()["train"] == [
        ClassificationExample("train-1", f"Fears for T N. {text}", None, "Business")
    ]
    documents = Documents(source="ag-news", path=str(train)).documents()
    assert list(documents) == [Document("Fears for T N", text)]
