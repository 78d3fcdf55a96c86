"""What `maskpolicy inspect` shows of files: how much, the first of it, and mistakes in a line."""

from rich.console import Console

from maskpolicy.reporting.inspection import print_inspection
from maskpolicy.sources.chosen import sources_of


def inspected(capsys, name, file=None, shown=1, **keys) -> str:
    for source in sources_of(name, file, [f"{key}={value}" for key, value in keys.items()]):
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


def test_a_text_can_not_steer_the_terminal_nor_take_long(tmp_path, capsys):
    path = tmp_path / "a.txt"
    path.write_text("One \x1b[31mtwo\x07 — 三." + " end" * 1_000_000)
    shown = inspected(capsys, "text", str(path))
    assert r"One \x1b[31mtwo\x07 — 三. end end" in shown
    assert len(shown) < 500


def test_why_examples_of_kilt_have_no_context_is_told(tmp_path, capsys):
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "1", "input": "Who?", "output": [{"answer": "Ann"}]}\n')
    assert "contexts stand in a knowledge source" in inspected(capsys, "kilt", str(path))
