"""Sources that a command line names: values as they are meant, mistakes in a line by the key."""

import pytest

from maskpolicy.errors import InputError
from maskpolicy.sources.chosen import sources_of, value_of, written


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("true", True),
        ("null", None),
        ("[a, b]", ["a", "b"]),
        ('"3"', "3"),
        ("dev.tsv", "dev.tsv"),
        ("{question}", "{question}"),
        ("{title}: {question}", "{title}: {question}"),
        ("#{n}", "#{n}"),
        ("- {n}", "- {n}"),
        (" | ", " | "),
        ("'a' {n}", "'a' {n}"),
        ("[{n}] {question}", "[{n}] {question}"),
        ("[", "["),
        ("2018-12-20", "2018-12-20"),
        ("~", "~"),
    ],
)
def test_a_value_is_a_number_a_list_or_the_text_itself(text, value):
    assert value_of(text) == value
    assert type(value_of(text)) is type(value)


@pytest.mark.parametrize("value", [3, "3", "dev.tsv", "{question}", "null", "true", "[a]", '"a"'])
def test_what_is_written_is_read_again(value):
    assert value_of(written(value)) == value


def test_a_template_is_given_as_it_is(tmp_path):
    (source,) = sources_of("own-pairs", "a.csv", ["source_template={question}", "separator= | "])
    assert (source.train, source.source_template, source.separator) == (
        "a.csv",
        "{question}",
        " | ",
    )


@pytest.mark.parametrize(
    ("source", "file", "keys", "said"),
    [
        ("txt", "a.txt", [], r"--source: 'txt' is unknown.*did you mean 'text'\?$"),
        ("ACL_ARC", "a.txt", [], "'ACL_ARC' is .*; `--source dsp` reads the release 'acl-arc'$"),
        ("factbook", "a.txt", [], "factbook reads a package, and no file"),
        ("dsp", None, [], "^--key train: this key is missing$"),
        ("tsv", "a.tsv", ["label_column=1"], "^--key text_column: this key is missing$"),
        ("dsp", "a.txt", ["dve=b.txt"], r"^--key dve: unknown key; .*did you mean 'dev'\?$"),
        ("dsp", "a.txt", ["dev"], "^--key dev: a key and its value are expected, as dev=FILE$"),
        ("dsp", "a.txt", ["dev="], "^--key dev=: a key and its value are expected"),
        ("dsp", "a.txt", ["dev=b", "dev=c"], "^--key dev: it is given twice$"),
        ("dsp", "a.txt", ["train=b"], "^--key train: it is a.txt already"),
        ("dsp", "a.txt", ["source=tsv"], "^--key source: Input should be 'dsp'$"),
        ("own-labels", "a.doc", [], "^`train`: 'a.doc' ends in none of"),
        ("own-documents", "a.csv", ["text_field=[]"], "^--key text_field: "),
    ],
)
def test_what_is_wrong_is_said_by_its_key(source, file, keys, said):
    with pytest.raises(InputError, match=said):
        sources_of(source, file, keys)
