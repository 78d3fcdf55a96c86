"""DPR's questions and answers: what a line may hold, and what of Python is refused."""

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import Example
from maskpolicy.sources.dpr_qa import LONGEST_LIST, Seq2SeqExamples


def read(tmp_path, content):
    (tmp_path / "nq-test.qa.csv").write_text(content)
    return Seq2SeqExamples(source="dpr-qa", train=str(tmp_path / "nq-test.qa.csv")).splits()[
        "train"
    ]


def test_a_question_and_a_list_as_python_writes_them(tmp_path):
    content = (
        "who got it\t['Wilhelm Conrad Röntgen', \"O'Neill\"]\n"
        '"who sang ""Hello"""\t"[""Adele\'s"", \'the ""one""\']"\n'
    )
    assert read(tmp_path, content) == [
        Example(
            "nq-test.qa-1",
            "",
            "who got it",
            "Wilhelm Conrad Röntgen",
            ("Wilhelm Conrad Röntgen", "O'Neill"),
        ),
        Example("nq-test.qa-2", "", 'who sang "Hello"', "Adele's", ("Adele's", 'the "one"')),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("who", "1 column; a question, a tab and a list"),
        ("who\t['a']\tb", "3 columns"),
        ('"who\t[1]', "not a row of CSV: unexpected end of data"),
        ('"who" was it\t[1]', "not a row of CSV"),
        ("who\t", "not a list of strings in Python"),
        ("who\t[a]", "not a list of strings in Python"),
        ("who\t[1]", "'answers' is not a list of at least one string"),
        ("who\t('a',)", "'answers' is not a list of at least one string"),
        ("who\t[]", "'answers' is not a list of at least one string"),
        ("who\t['a', ' ']", "'answers' is not a list of at least one string"),
        ("who\t['\\ud800']", "'answers' is not valid text"),
        ("who\t['\\x']", "not a list of strings in Python"),
        ("who\t[{[]: 1}]", "not a list of strings in Python"),
        ("who\t__import__('os').abort()", "not a list of strings in Python"),
        ("who\t" + "[" * 60_000, "not a list of strings in Python"),
        ("who\t" + "-" * 60_000 + "1", "not a list of strings in Python"),
        ("who\t'a'" + ".b" * 30_000, "not a list of strings in Python"),
        (f"who\t['{'a' * LONGEST_LIST}']", "answers of more than 65,536 characters"),
        (" \t['a']", "'question' is empty"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, said):
    with pytest.raises(ArtefactError, match=rf"nq-test\.qa\.csv, line 2: .*{said}"):
        read(tmp_path, f"who\t['a']\n{line}\nhow\t['b']\n")
