"""Tab-separated lines: columns by name and by number, and the lines that errors name."""

import pytest

from maskpolicy.errors import ArtefactError
from maskpolicy.sources.base import ClassificationExample
from maskpolicy.sources.tsv import LabelledExamples


def tab_separated(tmp_path, content, **columns):
    (tmp_path / "train.tsv").write_bytes(content.encode("utf-8-sig"))
    record = {"source": "tsv", "train": str(tmp_path / "train.tsv"), **columns}
    return LabelledExamples(**record).splits()["train"]


PAIRS = {"text_column": "#1 String", "pair_column": "#2 String", "label_column": "Quality"}
HEADER = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n"


def test_columns_by_name(tmp_path):
    content = f'{HEADER}1\t7\t8\t"Ah, he said.\tHe said "Ah".\r\n0\t9\t10\tété\t\x85\r\n'
    assert tab_separated(tmp_path, content, **PAIRS) == [
        ClassificationExample("train-2", '"Ah, he said.', 'He said "Ah".', "1"),
        ClassificationExample("train-3", "été", "\x85", "0"),
    ]


def test_columns_by_number(tmp_path):
    content = "gj04\t1\t\tI sang.\ngj04\t0\t*\tI singed am.\n\n"
    assert tab_separated(tmp_path, content, text_column=3, label_column=1) == [
        ClassificationExample("train-1", "I sang.", None, "1"),
        ClassificationExample("train-2", "I singed am.", None, "0"),
    ]


def test_errors_name_file_and_line(tmp_path):
    content = f"{HEADER}1\t7\t8\tA question\r\nthat goes on?\tB\t0\r\n0\t9\t10\tC\tD\r\n"
    with pytest.raises(
        ArtefactError, match=r"train\.tsv, line 2: 4 columns, but column 4 \(from 0\)"
    ):
        tab_separated(tmp_path, content, **PAIRS)
    with pytest.raises(ArtefactError, match=r"train\.tsv, line 1: no column 'label' among 'Qual"):
        tab_separated(tmp_path, content, text_column="#1 String", label_column="label")


def test_short_lines_are_left_out_and_counted(tmp_path, capsys):
    content = f"{HEADER}1\t7\t8\tA question\r\nthat goes on?\tB\t0\r\n0\t9\t10\tC\tD\r\n"
    (only,) = tab_separated(tmp_path, content, **PAIRS, short_lines="skip")
    assert only == ClassificationExample("train-4", "C", "D", "0")
    assert "train.tsv: 2 examples left out: 2 too short" in capsys.readouterr().err


def test_a_line_with_a_column_too_many_makes_no_class(tmp_path):
    content = f"{HEADER}1\t7\t8\tA\tB\r\n1\t7\t8\tA\ttab\tB\r\n"
    with pytest.raises(ArtefactError, match=r"train\.tsv, line 3: 6 columns, but the first .* 5"):
        tab_separated(tmp_path, content, **PAIRS)
    with pytest.raises(ArtefactError, match=r"line 2: 3 columns, but the first line has 2"):
        tab_separated(tmp_path, "a\t1\nb\tc\t0\n", text_column=0, label_column=1)


def test_an_empty_label_is_refused_and_spaces_around_one_are_not_its_own(tmp_path):
    columns = {"text_column": 0, "label_column": 1}
    first, second = tab_separated(tmp_path, "a\t1 \nb\t1\n", **columns)
    assert first.label == second.label == "1"
    with pytest.raises(ArtefactError, match=r"train\.tsv, line 2: the label is empty"):
        tab_separated(tmp_path, "a\t1\nb\t \n", **columns)


def test_a_column_may_name_the_group_of_an_example(tmp_path):
    columns = {"text_column": 0, "label_column": 1, "group_column": 2}
    first, second = tab_separated(tmp_path, "a\t1\tann\nb\t0\tbob\n", **columns)
    assert [(e.text, e.pair, e.label, e.group) for e in (first, second)] == [
        ("a", None, "1", "ann"),
        ("b", None, "0", "bob"),
    ]
    content = f"{HEADER}1\t7\t8\tA\tB\n"
    (only,) = tab_separated(tmp_path, content, **PAIRS, group_column="#1 ID")
    assert only == ClassificationExample("train-2", "A", "B", "1", "7")


def test_a_column_may_name_the_cluster_of_an_example(tmp_path):
    columns = {"text_column": 0, "label_column": 1, "cluster_column": 2}
    some = tab_separated(tmp_path, "a\t1\tann\nb\t0\tbob\n", **columns)
    assert [(e.text, e.group, e.cluster) for e in some] == [("a", "", "ann"), ("b", "", "bob")]
    # One column may say both.
    (only, _) = tab_separated(tmp_path, "a\t1\tann\nb\t0\tbob\n", **columns, group_column=2)
    assert (only.group, only.cluster) == ("ann", "ann")
