"""What `maskpolicy inspect` shows of files: how much, the first of it, and mistakes in a line."""

import pytest
from rich.console import Console

from maskpolicy.errors import InputError
from maskpolicy.reporting.inspection import print_inspection
from maskpolicy.sources.registry import sources_of


def inspected(capsys, name, file=None, shown=1, **keys) -> str:
    for source in sources_of(name, file, keys):
        print_inspection(source, shown, Console(width=200, highlight=False))
    return capsys.readouterr().out


def test_documents_are_counted_and_the_first_is_shown(tmp_path, capsys):
    path = tmp_path / "a.txt"
    path.write_text("One two.\nThree.\n\nFour.\n")
    shown = inspected(capsys, "text", str(path))
    assert "documents: 2, 4 words, 0.0 % with a title" in shown
    assert "One two." in shown and "Four." not in shown


def test_every_split_is_shown_with_its_labels(tmp_path, capsys):
    (tmp_path / "train.tsv").write_text("good\t1\nbad\t0\nfine\t1\n")
    (tmp_path / "dev.tsv").write_text("so so\t0\n")
    keys = {"dev": str(tmp_path / "dev.tsv"), "text_column": "0", "label_column": "1"}
    shown = inspected(capsys, "tsv", str(tmp_path / "train.tsv"), **keys)
    assert "train: 3 examples: 2 '1', 1 '0'" in shown
    assert "dev: 1 example: 1 '0'" in shown
    assert "text     good" in shown and "fine" not in shown


def test_a_package_needs_no_file(capsys):
    shown = inspected(capsys, "factbook", answers="named")
    assert "with a context" in shown and "target   Oranjestad" in shown
    with pytest.raises(InputError, match="factbook reads a package, and no file"):
        sources_of("factbook", "a.txt", {})


def test_what_is_wrong_is_said_by_its_key(tmp_path):
    with pytest.raises(InputError, match=r"'txt' is unknown.*did you mean 'text'\?"):
        sources_of("txt", "a.txt", {})
    with pytest.raises(InputError, match=r"--key text_column: Field required"):
        sources_of("tsv", "a.tsv", {"label_column": "1"})
    with pytest.raises(InputError, match=r"--key colour: Extra inputs"):
        sources_of("text", "a.txt", {"colour": "red"})
