"""maskpolicy: controlled studies of masking policies for intermediate pre-training."""

import os
import tempfile
from pathlib import Path


def _place_for_compiled_code() -> None:
    """Give numba a folder to keep compiled kernels in where it would find none, and stop.

    It keeps them beside the source or in the user's cache. Where neither can be written (a package
    of the system, a container without a home) the last resort is a temporary folder that is the
    user's alone: what lies there is run. To be called before numba is imported.
    """
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    places = (str(Path(__file__).parent / "__pycache__"), f"{caches}/numba")
    if "NUMBA_CACHE_DIR" in os.environ or any(map(_writable, places)):
        return
    folder = Path(tempfile.gettempdir(), f"maskpolicy-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    known = folder.lstat()
    if known.st_uid != os.getuid() or known.st_mode & 0o077 or not folder.is_dir():
        folder = Path(tempfile.mkdtemp(prefix="maskpolicy-"))
    os.environ["NUMBA_CACHE_DIR"] = str(folder)


def _writable(place: str) -> bool:
    """Whether a file can be made in a folder, which is made where it is not there: numba's test."""
    try:
        folder = Path(place).expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except (OSError, RuntimeError):  # the latter where a user has no home at all
        return False


_place_for_compiled_code()
