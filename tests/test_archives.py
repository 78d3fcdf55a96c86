"""Archives: unpacked into their folder, and refused where a member would be anywhere else."""

import io
import stat
import tarfile
import zipfile

import pytest

from maskpolicy.archives import unpack, unpacked
from maskpolicy.errors import ArtefactError


def tar_of(path, *members):
    with tarfile.open(path, "w:gz") as file:
        for member in members:
            file.addfile(member, io.BytesIO(b"town"))
    return path


def tar_member(name, kind=tarfile.REGTYPE):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    member.size = 4 if kind == tarfile.REGTYPE else 0
    return member


def zip_of(path, name, kind=stat.S_IFREG):
    member = zipfile.ZipInfo(name)
    member.external_attr = (kind | 0o644) << 16
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(member, "town")
    return path


def test_an_archive_is_unpacked_beside_itself(tmp_path):
    for archive in (
        tar_of(tmp_path / "a.tar.gz", tar_member("data/a.txt")),
        tar_of(tmp_path / "b.tgz", tar_member("data/a.txt")),
        zip_of(tmp_path / "c.zip", "data/a.txt"),
    ):
        folder = unpacked(archive)
        unpack(archive, folder)
        assert folder == tmp_path / archive.name[0]
        assert (folder / "data" / "a.txt").read_text() == "town"
    assert unpacked(tmp_path / "a.json.gz") is None


@pytest.mark.parametrize("name", ["/tmp/a.txt", "../a.txt", "data/../../a.txt"])
def test_nothing_is_written_outside_of_the_folder(tmp_path, name):
    good = tar_member("data/a.txt")
    for archive in (
        tar_of(tmp_path / "a.tgz", good, tar_member(name)),
        zip_of(tmp_path / "b.zip", name),
    ):
        with pytest.raises(ArtefactError, match=r"is not unpacked: '.*a\.txt' in it is outside of"):
            unpack(archive, tmp_path / "out")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.tgz", "b.zip"]


def test_links_and_devices_are_refused(tmp_path):
    archives = [
        tar_of(tmp_path / f"{i}.tgz", tar_member("a", kind))
        for i, kind in enumerate(
            (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)
        )
    ]
    for archive in (*archives, zip_of(tmp_path / "a.zip", "a", stat.S_IFLNK)):
        with pytest.raises(ArtefactError, match="'a' in it is a link or a device"):
            unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("name", ["a.tar.gz", "a.zip"])
def test_a_damaged_archive_is_named(tmp_path, name):
    whole = tmp_path / name
    if name.endswith("zip"):
        zip_of(whole, "a.txt")
    else:
        tar_of(whole, tar_member("a.txt"))
    for content in (b"no archive", whole.read_bytes()[:-20], b""):
        whole.write_bytes(content)
        with pytest.raises(ArtefactError, match=rf"{name} is damaged: "):
            unpack(whole, tmp_path / "out")
        assert not (tmp_path / "out").exists()
