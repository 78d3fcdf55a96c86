"""Lines and CSV: what is read of odd files, and the line that errors name."""

import tracemalloc

import pytest

from maskpolicy import text_files
from maskpolicy.errors import ArtefactError
from maskpolicy.text_files import read_csv, read_lines


def test_lines_end_as_they_do_on_any_system(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffOne.\r\n\nZwei\x85, \u2028.".encode())
    assert list(read_lines(path)) == [(1, "One."), (2, ""), (3, "Zwei\x85, \u2028.")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"na\xefve", r"not UTF-8 text \(invalid"),
        (b"a\0b", r"not UTF-8 text \(a NUL character\)"),
        (b"x" * 200, "longer than "),
    ],
)
def test_what_is_no_line_is_named(tmp_path, monkeypatch, line, said):
    monkeypatch.setattr(text_files, "LONGEST_LINE", 100)
    path = tmp_path / "a.txt"
    path.write_bytes(b"One.\n" + line + b"\n")
    with pytest.raises(ArtefactError, match=rf"a\.txt, line 2: {said}"):
        list(read_lines(path))


def test_a_folder_and_a_file_that_may_not_be_read_are_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"cannot read .*: Is a directory"):
        list(read_lines(tmp_path))
    path = tmp_path / "a.txt"
    path.touch(mode=0)
    try:
        path.read_bytes()
    except PermissionError:
        with pytest.raises(ArtefactError, match=r"cannot read .*a\.txt: Permission denied"):
            list(read_lines(path))
    else:
        pytest.skip("whoever runs the tests may read every file")


def test_rows_of_csv_know_the_line_that_they_begin_in(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbfid,text\r\n\r\n1,"Two lines,\r\nand ""more""."\r\n2,\r\n')
    assert list(read_csv(path)) == [
        (1, ["id", "text"]),
        (3, ["1", 'Two lines,\nand "more".']),
        (5, ["2", ""]),
    ]
    path.write_text("a\t'b\" \n")
    assert list(read_csv(path, "\t")) == [(1, ["a", "'b\" "])]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('a\n"b\nc\nd\n', r"line 2: not valid CSV: .* goes on to line 4: a missing quotation mark"),
        ('a\n"b" c\n', "line 2: not valid CSV: "),
        ('a\n"b', "line 2: not valid CSV: .* a missing quotation mark"),
        ("a\nb\rc\n", "line 2: not valid CSV: "),
    ],
)
def test_broken_quotes_are_named_by_their_line(tmp_path, content, said):
    path = tmp_path / "a.csv"
    path.write_text(content, newline="")
    with pytest.raises(ArtefactError, match=rf"a\.csv, {said}"):
        list(read_csv(path))


def test_a_field_of_csv_may_be_a_book_but_not_the_rest_of_the_file(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("x" * 200_000 + "\n")  # csv's own limit is 131,072
    assert [len(row[0]) for _, row in read_csv(path)] == [200_000]
    monkeypatch.setattr(text_files, "LONGEST_LINE", 1000)
    path.write_text('a\n"' + "b\n" * 1000)
    with pytest.raises(ArtefactError, match="line 2: not valid CSV: field larger than"):
        list(read_csv(path))


def test_a_file_is_never_held_whole(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f'"{"word " * 200}"\n' * 20_000)
    tracemalloc.start()
    rows = sum(1 for _ in read_csv(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (rows, path.stat().st_size > 20_000_000) == (20_000, True)
    assert peak < 1_000_000
