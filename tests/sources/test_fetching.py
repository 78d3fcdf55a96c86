"""Fetching a release: its files checked, its archives unpacked, and the command to look at it."""

import io
import shlex
import tarfile
from hashlib import sha256

import pytest
from support.web_server import serving
from typer.testing import CliRunner

from maskpolicy.cli import app
from maskpolicy.errors import InputError
from maskpolicy.sources import releases
from maskpolicy.sources.fetching import fetch_release
from maskpolicy.sources.releases import Release, ReleaseFile

TRAIN, TEST = b"good\t1\nbad\t0\n", b"fine\t1\n"
KEYS = {"text_column": 0, "label_column": 1}


def known(url, content):
    return ReleaseFile(url, len(content), sha256(content).hexdigest())


@pytest.fixture
def release(monkeypatch):
    """`towns`, of two files, one with a hash. Returns the server of them."""
    with serving(**{"train.tsv": TRAIN, "test.tsv": TEST}) as server:
        towns = Release(
            source="tsv",
            page="http://towns.example",
            files=(
                known(f"{server.address}/train.tsv", TRAIN),
                ReleaseFile(f"{server.address}/test.tsv?download=1"),
                ReleaseFile(f"{server.address}/train.tsv", len(TRAIN), called="again.tsv"),
            ),
            paths={"train": "train.tsv", "test": "test.tsv"},
            keys=KEYS,
            note="Towns only.",
        )
        server.files["/test.tsv?download=1"] = TEST
        monkeypatch.setitem(releases.RELEASES, "towns", towns)
        yield server


def run(*words):
    """What a command prints, on stdout and then on stderr."""
    done = CliRunner().invoke(app, list(words))
    assert done.exception is None, done.exception
    return done.stdout, done.stderr


def command_in(printed):
    """The words of the last line, after what it is for."""
    return shlex.split(printed.splitlines()[-1].partition("  ")[2])


def test_a_release_is_fetched_checked_and_can_be_looked_at(release, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed, said = run("fetch", "towns")
    assert said.splitlines() == [
        "data/towns/train.tsv: 13 bytes, its SHA-256 is the published one",
        "data/towns/test.tsv: 7 bytes, not checked: no published hash is known",
        "data/towns/again.tsv: 13 bytes, not checked, but for its size: no published hash is known",
    ]
    assert "http://towns.example" in printed and "Towns only." in printed
    program, *words = command_in(printed)
    assert program == "maskpolicy" and words[:2] == ["inspect", "data/towns/train.tsv"]
    shown, _ = run(*words)
    assert "train: 2 examples" in shown and "test: 1 example" in shown
    run("fetch", "towns")
    assert len(release.asked) == 3  # what is there is not fetched again


@pytest.fixture
def packed(monkeypatch):
    """`packed`, an archive of those files, in a folder; its name is a pattern's first part."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in (("train.tsv", TRAIN), ("test.tsv", TEST)):
            member = tarfile.TarInfo(f"deep/within/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    with serving(**{"towns.tgz": content.getvalue()}) as server:
        file = known(f"{server.address}/towns.tgz", content.getvalue())
        paths = {"train": "train.tsv", "test": "towns/*/*/test.tsv"}
        found = Release("tsv", "http://towns.example", (file,), paths, KEYS)
        monkeypatch.setitem(releases.RELEASES, "packed", found)
        yield server


def test_an_archive_is_unpacked_only_if_asked(packed, tmp_path):
    printed, _ = run("fetch", "packed", "--output", str(tmp_path))
    folder = tmp_path / "packed"
    assert [entry.name for entry in folder.iterdir()] == ["towns.tgz"]
    again = command_in(printed)
    assert again == ["maskpolicy", "fetch", "packed", "--output", str(tmp_path), "--unpack"]
    printed, _ = run(*again[1:])
    assert len(packed.asked) == 1
    words = command_in(printed)
    assert words[2] == str(folder / "towns" / "deep" / "within" / "train.tsv")
    shown, _ = run(*words[1:])
    assert "train: 2 examples" in shown and "test: 1 example" in shown
    run(*again[1:])  # what is unpacked stays


def test_what_no_file_can_be_fetched_of_says_what_to_do(tmp_path):
    with pytest.raises(
        InputError, match=r"semeval14 has no public file: see https://\S+\. Its XML"
    ):
        fetch_release("semeval14", tmp_path / "semeval14", False)
    assert list(tmp_path.iterdir()) == []
