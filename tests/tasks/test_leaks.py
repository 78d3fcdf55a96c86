"""What a corpus gives away of the examples that a task holds out."""

import pytest

from maskpolicy.artefacts import read_json
from maskpolicy.corpora.fetching import fetch_documents
from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Document, Documents, Example, Seq2SeqExamples
from maskpolicy.sources.own.labels import LabelledExamples
from maskpolicy.tasks.leaks import report_leaks
from maskpolicy.tasks.prepare import prepare_task
from maskpolicy.tasks.specs import ClassificationTask, Seq2SeqTask


class Given(Documents):
    given: list[str]

    def documents(self):
        return (Document("Switzerland", text) for text in self.given)


@pytest.fixture
def corpus(tmp_path):
    def make(*texts):
        output = tmp_path / "corpus" / "documents"
        fetch_documents(Given(source="given", given=list(texts)), output)
        return output

    return make


class GivenExamples(Seq2SeqExamples):
    given: dict[str, list[Example]]

    def splits(self):
        return self.given


@pytest.fixture
def questions(tmp_path):
    """Three questions of test, of which train has one, too."""
    train = [Example(f"{i}", "", f"q {i}?", f"{i} a", (f"{i} a",)) for i in range(10)]
    test = [
        Example("a", "", "Q 3", "Bern", ("Bern", "the city of Bern")),
        Example("b", "", "the largest land?", "Uri", ("Uri", "Vaud")),
        Example("c", "", "and the land of Bern?", "Switzerland", ("Switzerland",)),
    ]
    source = GivenExamples(source="given", given={"train": train, "test": test})
    prepare_task(Seq2SeqTask(examples=source, dev=2), tmp_path / "task")
    return tmp_path / "task"


def test_questions_and_answers_are_looked_for(questions, corpus, tmp_path, capsys):
    documents = corpus("The largest land is Vaud.", "What of the largest land? In BERN.")
    report_leaks(questions, "qa", documents, "swiss", tmp_path / "qa.json")
    assert read_json(tmp_path / "qa.json") == {
        "task": "qa",
        "shared": {"dev": 0, "test": 1},
        "corpus": "swiss",
        "documents": 2,
        "splits": {
            "dev": {"examples": 2, "asked": 0, "answered": 0},
            "test": {"examples": 3, "asked": 1, "answered": 3},
        },
    }
    _, told = capsys.readouterr().err.splitlines()[-2:]
    assert told == (
        "qa: of 3 test examples, the source of 1 stands in the 2 documents of swiss, an answer"
        " of 3 (100 %)"
    )


def test_of_labelled_texts_they_are_looked_for(corpus, tmp_path, capsys):
    path = tmp_path / "films.jsonl"
    path.write_text("".join(f'{{"text": "a film {i}", "label": {i % 2}}}\n' for i in range(10)))
    source = LabelledExamples(source="own-labels", train=str(path))
    prepare_task(ClassificationTask(examples=source, dev=5, test=2), tmp_path / "task")
    documents = corpus(*(f"It is a film {i}!" for i in range(10)))
    report_leaks(tmp_path / "task", "films", documents, "some", tmp_path / "films.json")
    assert read_json(tmp_path / "films.json")["splits"] == {
        "dev": {"examples": 5, "asked": 5, "answered": None},
        "test": {"examples": 2, "asked": 2, "answered": None},
    }
    assert "films: of 2 test examples, the text of 2 stands in the 10 documents of some\n" in (
        capsys.readouterr().err
    )


def test_documents_that_are_gone_are_named(questions, corpus, tmp_path):
    folder = corpus("A text.")
    (folder / "part-0.arrow").unlink()
    with pytest.raises(ArtefactError, match=r"part-0\.arrow is missing"):
        report_leaks(questions, "qa", folder, "swiss", tmp_path / "qa.json")
    assert not (tmp_path / "qa.json").exists()
