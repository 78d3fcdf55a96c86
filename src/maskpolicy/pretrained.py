"""What a `pretrained` of the configuration names, a folder or a model of the hub, and what is known
of a folder before anything is loaded from it; importing this module loads nothing heavy.
"""

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationInfo

from maskpolicy.errors import ArtefactError
from maskpolicy.specs import find_path

FIRST_SENTINEL = "<extra_id_0>"
"""T5's first numbered mask, which is its mask where one alone is asked for."""

_READ = (
    ("*.safetensors", "*.bin"),
    ("tokenizer.json", "vocab.json", "vocab.txt", "*.model", "*.spm"),
)
"""The files of a model, and of a tokenizer: those that are read are the first that there are."""

_POINTER = b"version https://git-lfs"

_POSITIONS_AFTER_PADDING = frozenset(
    {"roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "longformer", "mpnet"}
)
"""Types of models that count positions from the one after that of padding."""


def local_folder(name: str | Path) -> Path | None:
    """The folder that is meant, there or not, or None where it is a hub id (`name`, `owner/name`).

    What exists is a folder, and so is what only a path can be.
    """
    path = Path(name)
    return path if _like_a_path(str(name)) or path.exists() else None


def _like_a_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.count("/") > 1


def _find_folder(name: str, info: ValidationInfo) -> str:
    """The folder, which may be relative to the `data_root` of a study, or the hub id as it is."""
    path = find_path(name, info)
    return path if _like_a_path(name) or Path(path).exists() else name


Pretrained = Annotated[str, AfterValidator(_find_folder)]
"""A local folder, or a hub id."""


def files_of(checkpoint: Path) -> list[Path]:
    """What a training from a checkpoint of this package depends on: its weights, and its
    configuration, which has its dropout.
    """
    return [checkpoint / "model.safetensors", checkpoint / "config.json"]


def problem_of(name: str, *, tokenizer: bool = False) -> str | None:
    """What is wrong with the folder that is named, of a model or of a `tokenizer`, or None."""
    folder = local_folder(name)
    if folder is None:
        return None
    if not folder.is_dir():
        return f"no folder {name!r}"
    if not tokenizer and not (folder / "config.json").is_file():
        return f"{name!r} has no config.json, so it is no model"
    files = next((found for kind in _READ[tokenizer] if (found := sorted(folder.glob(kind)))), [])
    if not files:
        wanted = "tokenizer, such as a tokenizer.json" if tokenizer else "weights"
        return f"{name!r} has no {wanted}"
    for path in files:
        with path.open("rb") as file:
            if file.read(len(_POINTER)) == _POINTER:
                return f"{path} is a pointer of Git LFS, not the file: run `git lfs pull` there"
    return None


def refuse(name: str | Path, *, tokenizer: bool = False) -> None:
    """Raise ArtefactError where :func:`problem_of` finds something."""
    if problem := problem_of(str(name), tokenizer=tokenizer):
        raise ArtefactError(f"{_cannot_load(name, tokenizer)}: {problem}")


def not_loaded(name: str | Path, error: Exception, *, tokenizer: bool = False) -> ArtefactError:
    """What to raise where a library could not load it. Of what was taken for a hub id it says so:
    a folder may have been meant that is not there.
    """
    reason = " ".join(str(error).split())
    if local_folder(name) is None:
        reason = f"{reason.rstrip('.')}; and there is no folder {name} here"
    return ArtefactError(f"{_cannot_load(name, tokenizer)}: {reason}")


def _cannot_load(name: str | Path, tokenizer: bool) -> str:
    return f"cannot load the {'tokenizer' if tokenizer else 'model'} {name}"


def known_positions(name: str) -> int | None:
    """The tokens that fit into the model of a local folder, where its config.json says so."""
    config = _read_json(name, "config.json")
    positions = config.get("max_position_embeddings")
    if not isinstance(positions, int):
        return None
    counted_after = config.get("model_type") in _POSITIONS_AFTER_PADDING
    return positions - (config.get("pad_token_id", 1) + 1 if counted_after else 0)


def known_type(name: str) -> str | None:
    """The type of the model of a local folder, such as `bart`, where its config.json says it."""
    return _read_json(name, "config.json").get("model_type")


def lacks_sentinels(name: str) -> bool:
    """Whether the tokenizer.json of a local folder is there and has none of T5's sentinels."""
    added = _read_json(name, "tokenizer.json").get("added_tokens")
    return isinstance(added, list) and FIRST_SENTINEL not in {
        token.get("content") for token in added
    }


def _read_json(name: str, file: str) -> dict[str, Any]:
    """What a file of a local folder says; nothing where that is not known before it is loaded."""
    folder = local_folder(name)
    try:
        read = json.loads((folder / file).read_text(encoding="utf-8")) if folder else {}
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}
