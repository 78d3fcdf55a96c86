"""A model as it is given away: the files of transformers, and a card that says what it is."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from maskpolicy.artefacts import atomic_directory, read_json, sha256, write_text
from maskpolicy.errors import ArtefactError, InputError
from maskpolicy.evaluation.predictions import MANIFEST
from maskpolicy.evaluation.runs import METRICS_FILE, Run
from maskpolicy.pretrained import local_folder
from maskpolicy.reporting.pages import environment
from maskpolicy.training.finetune import kept_model

_WEIGHTS = "model.safetensors"

_LOADED_BY = {
    "ForConditionalGeneration": ("AutoModelForSeq2SeqLM", None),
    "ForMaskedLM": ("AutoModelForMaskedLM", "fill-mask"),
    "ForSequenceClassification": ("AutoModelForSequenceClassification", "text-classification"),
}
"""How the name of an architecture ends -> the class that loads it, and what the hub calls it."""


@dataclass(frozen=True)
class _Exported:
    """A checkpoint, and the run that it was fine-tuned in, if it was."""

    checkpoint: Path
    manifest: dict[str, Any]
    run: Run | None

    @classmethod
    def find(cls, folder: Path) -> "_Exported":
        """That of a checkpoint's folder, or of a run's."""
        if (folder / "config.json").is_file():
            return cls(folder, read_json(folder / MANIFEST), None)
        model, metrics = kept_model(folder), folder / METRICS_FILE
        if (model / "config.json").is_file():
            run = Run.read(metrics) if metrics.is_file() else None
            return cls(model, read_json(model / MANIFEST), run)
        if (folder / MANIFEST).is_file():
            raise InputError(
                f"{folder}: no model was kept: set `keep: true` in the stage's `finetuning` and"
                " run it again"
            )
        raise InputError(f"{folder} is neither a checkpoint nor a run")

    def copy(self, folder: Path) -> None:
        """Copy what the manifest lists, and itself. Raises ArtefactError for a damaged file."""
        for name, described in self.manifest["files"].items():
            path = self.checkpoint / name
            if not path.is_file() or sha256(path) != described["sha256"]:
                raise ArtefactError(f"{path} is not what its manifest says: make it again")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
        shutil.copyfile(self.checkpoint / MANIFEST, folder / MANIFEST)

    @property
    def loader(self) -> tuple[str, str | None]:
        """The class that loads it, and what the hub calls its use."""
        [architecture, *_] = read_json(self.checkpoint / "config.json")["architectures"]
        endings = (ending for ending in _LOADED_BY if architecture.endswith(ending))
        return _LOADED_BY[next(endings)]


def export_model(folder: Path, output: Path) -> None:
    """Write the model of a checkpoint's folder, or of a run's that kept it, to the folder `output`:
    weights, configuration, tokenizer, the settings that it was decoded with, and README.md, a card
    for the hub.

    Raises InputError where there is no model, and ArtefactError, naming the file, when one is
    damaged.
    """
    exported = _Exported.find(folder)
    with atomic_directory(output) as written:
        exported.copy(written)
        write_text(written / "README.md", _card(exported, folder))


def _card(exported: _Exported, source: Path) -> str:
    lineage = exported.manifest.get("lineage", [])
    loader, use = exported.loader
    pretrained = next((stage["pretrained"] for stage in lineage if "pretrained" in stage), None)
    head: dict[str, Any] = {"library_name": "transformers"}
    if use is not None:
        head["pipeline_tag"] = use
    if pretrained is not None and local_folder(pretrained) is None:
        head["base_model"] = pretrained
    head["tags"] = ["maskpolicy", "intermediate-pre-training"]
    run = exported.run
    name = f"{run.model}, {run.policy}, {run.task}" if run else _title(lineage, source)
    return (
        environment()
        .get_template("model_card.md")
        .render(
            head=yaml.safe_dump(head, sort_keys=False),
            title=name,
            lineage=lineage,
            run=run,
            loader=loader,
            source=source,
            sha256=exported.manifest["files"][_WEIGHTS]["sha256"],
            shown=_shown,
        )
    )


def _title(lineage: list[dict[str, Any]], source: Path) -> str:
    """What was done last."""
    last = lineage[-1] if lineage else {}
    return f"{last['corpus']}, masked by {last['policy']}" if "policy" in last else source.name


def _shown(value: Any) -> str:
    """A value of a manifest in the cell of a table; of records the keys that say something."""
    if isinstance(value, dict):
        some = {key: item for key, item in value.items() if item not in (None, False, [], {})}
        return ", ".join(f"{key} {_shown(item)}" for key, item in some.items())
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
