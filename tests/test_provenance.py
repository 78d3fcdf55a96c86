"""Who made results: each file was made by the last start before it."""

import json
import os
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from support.starts import START, write_starts

import maskpolicy
from maskpolicy.errors import ArtefactError
from maskpolicy.provenance import (
    PACKAGES,
    Code,
    Makers,
    Start,
    installed_code,
    lose_times,
    read_starts,
)

UNKNOWN = "not known: made before that was kept, or no longer there"

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
    assert makers.facts["Code"] == (f"{UNKNOWN}; then commit bbbbbbbbbbbb, changed since")


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
    assert makers.facts == {"Code": UNKNOWN}


def test_of_files_that_are_no_longer_there_nobody_is_known(made):
    assert made().facts == {"Code": UNKNOWN} and not made().known


def test_who_made_a_copy_is_still_not_told_when_it_goes_on(made, tmp_path):
    made(1, 10)
    path, (old, new) = tmp_path / "provenance.jsonl", (tmp_path / "0.json", tmp_path / "1.json")
    copied = SECOND.time + timedelta(days=1)
    for file in (path, old):
        os.utime(file, 2 * (copied.timestamp(),))
    third = {"code": Code(commit="c" * 40), "time": copied + timedelta(hours=1)}
    for start in (START.model_copy(update=third), START.model_copy(update=third)):
        start.append(path)
        os.utime(path, 2 * (start.time.timestamp(),))
    os.utime(new, 2 * (third["time"].timestamp() + 60,))
    assert [start.in_copy for start in read_starts(path)] == [False, False, True, False]
    either = (
        "commit aaaaaaaaaaaa; or commit bbbbbbbbbbbb, changed since"
        " (a copy has lost the times that would tell)"
    )
    makers = Makers.of(path, [old])
    assert makers.facts["Code"] == either and makers.copied
    assert Makers.of(path, [old, new]).facts["Code"] == f"{either}; then commit cccccccccccc"
    makers = Makers.of(path, [new])
    assert makers.facts["Code"] == "commit cccccccccccc" and not makers.copied


def test_files_that_are_touched_tell_as_little_as_a_copy(tmp_path):
    path, made = tmp_path / "provenance.jsonl", tmp_path / "made.json"
    lose_times(path)
    assert not path.exists()
    now = datetime.now(UTC)
    for start in (FIRST, SECOND.model_copy(update={"time": now})):
        start.append(path)
        os.utime(path, 2 * (start.time.timestamp(),))
    made.touch()
    assert not Makers.of(path, [made]).copied
    lose_times(path)
    assert Makers.of(path, [made]).copied == 2


def test_what_a_later_version_says_more_is_passed_over(tmp_path):
    path = write_starts(tmp_path, FIRST)
    fields = json.loads(path.read_text())
    fields["code"] |= {"branch": "main"}
    path.write_text(json.dumps(fields | {"weather": "fair"}) + "\n")
    assert read_starts(path) == [FIRST]


@pytest.mark.parametrize("commit", ["; rm -rf ~", "a" * 40 + "\nrm", "HEAD", "A" * 40])
def test_a_commit_is_nothing_else(tmp_path, commit):
    path = write_starts(tmp_path, FIRST)
    path.write_text(path.read_text().replace("a" * 40, json.dumps(commit)[1:-1]))
    with pytest.raises(ArtefactError, match=r"provenance\.jsonl, line 1: code\.commit: "):
        read_starts(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_checkout_of_another_user_is_read(tmp_path, monkeypatch):
    package = tmp_path / "__init__.py"
    package.touch()
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "c"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 4242, 4242)
    monkeypatch.setattr(maskpolicy, "__file__", str(package))
    assert re.fullmatch("[0-9a-f]{40}", installed_code().commit)


@pytest.mark.parametrize("line", ["{", "[]", "{}", json.dumps({"time": "soon"})])
def test_a_damaged_line_is_named(tmp_path, line):
    path = write_starts(tmp_path, FIRST)
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(ArtefactError, match=r"provenance\.jsonl, line 2: "):
        read_starts(path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"cannot write .*nowhere/provenance\.jsonl"):
        FIRST.append(tmp_path / "nowhere" / "provenance.jsonl")
