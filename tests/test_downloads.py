"""Downloads: whole or not at all, gone on with, checked; from a server on this machine."""

from hashlib import sha256
from itertools import count

import pytest
from support.web_server import serving

from maskpolicy import downloads, progress
from maskpolicy.downloads import WebFile, download
from maskpolicy.errors import ArtefactError, InputError

TEXT = b"A town, and a river.\n" * 1000
DIGEST = sha256(TEXT).hexdigest()


@pytest.fixture
def server():
    with serving(towns=TEXT) as served:
        yield served


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(downloads, "CHUNK", 512)


def broken_off(server, file, path, after=4000):
    """Download until the connection ends."""
    server.cut = after
    with pytest.raises(InputError) as caught:
        download(file, path)
    server.cut = None
    return str(caught.value)


def test_a_file_is_fetched_once(server, tmp_path):
    file = WebFile(f"{server.address}/towns", len(TEXT), DIGEST)
    path = tmp_path / "data" / "towns.txt"
    download(file, path)
    assert path.read_bytes() == TEXT
    assert [entry.name for entry in path.parent.iterdir()] == ["towns.txt"]
    download(file, path)
    assert server.asked == [("/towns", None)]


@pytest.mark.parametrize("digest", [DIGEST, None])
@pytest.mark.usefixtures("small_chunks")
def test_what_was_broken_off_is_gone_on_with(server, tmp_path, digest):
    file = WebFile(f"{server.address}/towns", None, digest)
    path = tmp_path / "towns.txt"
    said = broken_off(server, file, path)
    assert said == (
        f"{file.url}: the connection ended after 4,000 of 21,000 bytes; run the same again to go on"
    )
    assert not path.exists()
    download(file, path)
    assert path.read_bytes() == TEXT
    assert server.asked == [("/towns", None), ("/towns", "bytes=4000-")]


def test_without_ranges_it_starts_again(server, tmp_path):
    file = WebFile(f"{server.address}/towns", len(TEXT), DIGEST)
    path = tmp_path / "towns.txt"
    broken_off(server, file, path)
    server.ranges = False
    download(file, path)
    assert path.read_bytes() == TEXT


@pytest.mark.parametrize("changed", ["Thu, 22 Oct 2015 07:28:00 GMT", None])
def test_parts_of_two_files_are_never_joined_where_no_hash_would_tell(server, tmp_path, changed):
    file = WebFile(f"{server.address}/towns")
    path = tmp_path / "towns.txt"
    broken_off(server, file, path)
    server.files["/towns"] = other = bytes(reversed(TEXT))
    server.changed = changed
    download(file, path)
    assert path.read_bytes() == other


def test_a_part_that_is_none_of_the_file_is_dropped(server, tmp_path):
    path = tmp_path / "towns.txt"
    part = tmp_path / "towns.txt.part"
    part.write_bytes(TEXT + b"more")
    download(WebFile(f"{server.address}/towns", len(TEXT), DIGEST), path)
    assert path.read_bytes() == TEXT and not part.exists()
    path.unlink()
    part.write_bytes(TEXT + b"more")
    download(WebFile(f"{server.address}/towns", None, DIGEST), path)  # which the server refuses
    assert path.read_bytes() == TEXT


def test_a_whole_part_is_not_asked_for(server, tmp_path):
    (tmp_path / "towns.txt.part").write_bytes(TEXT)
    download(WebFile(f"{server.address}/towns", len(TEXT), DIGEST), tmp_path / "towns.txt")
    assert (tmp_path / "towns.txt").read_bytes() == TEXT and server.asked == []


def test_another_hash_is_refused_and_the_file_kept_aside(server, tmp_path):
    file = WebFile(f"{server.address}/towns", len(TEXT), "0" * 64)
    with pytest.raises(InputError, match=rf"/towns: its SHA-256 is {DIGEST}, not 0000"):
        download(file, tmp_path / "towns.txt")
    assert [entry.name for entry in tmp_path.iterdir()] == ["towns.txt.wrong"]
    with pytest.raises(InputError):  # not taken for a part
        download(file, tmp_path / "towns.txt")
    assert len(server.asked) == 2


def test_another_size_is_refused_before_anything_is_written(server, tmp_path):
    file = WebFile(f"{server.address}/towns", 100, DIGEST)
    with pytest.raises(InputError, match="the server has 21,000 bytes, not 100: it is published"):
        download(file, tmp_path / "towns.txt")
    assert list(tmp_path.iterdir()) == []


def test_another_file_of_that_name_is_left_alone(server, tmp_path):
    path = tmp_path / "towns.txt"
    path.write_bytes(b"my own")
    file = WebFile(f"{server.address}/towns", len(TEXT), DIGEST)
    with pytest.raises(InputError, match=r"towns\.txt is there already, and it has 6 bytes, not"):
        download(file, path)
    assert path.read_bytes() == b"my own" and server.asked == []


def test_what_the_web_answers_is_said_in_a_line(server, tmp_path):
    path = tmp_path / "towns.txt"
    with pytest.raises(InputError, match=r"/rivers: the server answers 404 Not Found$"):
        download(WebFile(f"{server.address}/rivers"), path)
    gone = server.address.rpartition(":")[0] + ":9"
    with pytest.raises(InputError, match=r"127\.0\.0\.1:9: Connection refused; run the same again"):
        download(WebFile(gone), path)


def test_what_the_disk_answers_is_said_in_a_line(server, tmp_path):
    (tmp_path / "data").write_text("a file where a folder is wanted")
    with pytest.raises(ArtefactError, match=r"cannot write .*towns\.txt: "):
        download(WebFile(f"{server.address}/towns"), tmp_path / "data" / "towns.txt")


@pytest.mark.usefixtures("small_chunks")
def test_a_resumed_download_is_shown_from_where_it_was(server, tmp_path, monkeypatch, capsys):
    clock = count(0, 30)
    monkeypatch.setattr(progress, "monotonic", lambda: next(clock))
    (tmp_path / "towns.txt.part").write_bytes(TEXT[:10240])
    download(WebFile(f"{server.address}/towns", len(TEXT), DIGEST), tmp_path / "towns.txt")
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith("towns.txt (MB)") and first.endswith("21 of 42")
    assert last.endswith("42 of 42")
