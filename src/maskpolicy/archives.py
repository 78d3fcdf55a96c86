"""Archives of files, .tar.gz or .zip, unpacked into a folder of their own and nowhere else."""

import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from maskpolicy.artefacts import atomic_directory
from maskpolicy.errors import ArtefactError

ENDINGS = (".tar.gz", ".tgz", ".zip")


def unpacked(archive: Path) -> Path | None:
    """The folder beside an archive that it is unpacked into; None for what is no archive."""
    ending = next((ending for ending in ENDINGS if archive.name.endswith(ending)), None)
    return archive.with_name(archive.name.removesuffix(ending)) if ending else None


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive: `folder` holds all of it, or is not there.

    Raises ArtefactError naming the archive that is damaged, or whose members are not all files
    and folders within it.
    """
    with atomic_directory(folder) as temporary:
        try:
            if archive.suffix == ".zip":
                _unpack_zip(archive, temporary)
            else:
                _unpack_tar(archive, temporary)
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ArtefactError(f"{archive} is damaged: {error}") from error


def _unpack_tar(archive: Path, folder: Path) -> None:
    def allowed(member: tarfile.TarInfo, to: str) -> tarfile.TarInfo:
        _check(archive, member.name, plain=member.isfile() or member.isdir())
        return tarfile.data_filter(member, to)  # and nobody else's owner, mode or device

    with tarfile.open(archive) as file:
        file.extractall(folder, filter=allowed)


def _unpack_zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            _check(archive, member.filename, plain=kind in (0, stat.S_IFREG, stat.S_IFDIR))
        file.extractall(folder)


def _check(archive: Path, name: str, *, plain: bool) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ArtefactError(f"{archive} is not unpacked: {name!r} in it is outside of its folder")
    if not plain:
        raise ArtefactError(f"{archive} is not unpacked: {name!r} in it is a link or a device")
