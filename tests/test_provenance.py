"""Who made results: each file was made by the last start before it."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest
from support.starts import START, write_starts

from maskpolicy.errors import ArtefactError
from maskpolicy.provenance import PACKAGES, Code, Makers, Start, installed_code, read_starts

FIRST, SECOND = (
    START,
    START.model_copy(
        update={
            "time": START.time + timedelta(hours=1),
            "code": Code(commit="b" * 40, changed=True),
        }
    ),
)


@pytest.fixture
def made(tmp_path):
    """Write two starts, and a file so many minutes after the first of them for each number."""

    def made(*minutes):
        path = write_starts(tmp_path, FIRST, SECOND)
        files = [tmp_path / f"{number}.json" for number in range(len(minutes))]
        for file, after in zip(files, minutes, strict=True):
            file.touch()
            os.utime(file, 2 * (FIRST.time.timestamp() + 60 * after,))
        return Makers.of(path, files)

    return made


def test_a_start_says_code_configuration_versions_and_machine(tmp_path):
    configuration = tmp_path / "configuration.json"
    configuration.write_text("{}")
    before = datetime.now(UTC)
    for cluster in (False, True):
        Start.now(configuration, cluster=cluster).append(tmp_path / "provenance.jsonl")
    first, second = read_starts(tmp_path / "provenance.jsonl")
    assert before <= first.time <= second.time <= datetime.now(UTC)
    assert first.code == installed_code()
    assert first.configuration == "sha256:44136fa355b3678a"
    assert set(first.versions) == {*PACKAGES, "Python"}
    assert f"{os.cpu_count()} cores" in first.machine
    assert (first.cluster, second.cluster) == (False, True)


def test_each_file_is_of_the_last_start_before_it(made):
    assert made(1, 59).starts == (FIRST,)
    assert made(61, 600).starts == (SECOND,)
    assert made(61, 1).starts == (FIRST, SECOND)
    assert all(made(*minutes).known for minutes in ((1,), (61,), (1, 61)))


def test_what_is_older_than_all_starts_is_of_nobody_known(made):
    makers = made(-1, 61)
    assert makers.starts == (SECOND,) and not makers.known
    assert makers.facts["Code"] == (
        "not known: made before that was kept; then commit bbbbbbbbbbbb, changed since"
    )


def test_of_several_each_is_named_and_what_they_share_once(made):
    facts = made(1, 61).facts
    assert facts["Code"] == "commit aaaaaaaaaaaa; then commit bbbbbbbbbbbb, changed since"
    assert facts["Configuration"] == "sha256:0123456789abcdef"
    assert facts["Versions"] == "torch 2.0, Python 3.11"


def test_a_copy_without_the_times_of_its_files_does_not_tell_who(made, tmp_path):
    assert made(1).starts == (FIRST,)
    os.utime(tmp_path / "provenance.jsonl")
    makers = Makers.of(tmp_path / "provenance.jsonl", [tmp_path / "0.json"])
    assert makers.starts == (FIRST, SECOND) and makers.copied
    assert makers.facts["Code"].startswith("commit aaaaaaaaaaaa; or commit bbbbbbbbbbbb")
    assert makers.facts["Configuration"] == "sha256:0123456789abcdef"


def test_without_starts_nobody_is_known(tmp_path):
    (tmp_path / "made.json").touch()
    makers = Makers.of(tmp_path / "provenance.jsonl", [tmp_path / "made.json"])
    assert makers.facts == {"Code": "not known: made before that was kept"}


@pytest.mark.parametrize("line", ["{", "[]", "{}", json.dumps({"time": "soon"})])
def test_a_damaged_line_is_named(tmp_path, line):
    path = write_starts(tmp_path, FIRST)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ArtefactError, match=r"provenance\.jsonl, line 2: "):
        read_starts(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"cannot write .*nowhere/provenance\.jsonl"):
        FIRST.append(tmp_path / "nowhere" / "provenance.jsonl")
