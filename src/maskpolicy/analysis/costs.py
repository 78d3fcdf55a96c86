"""What a policy costs: measured seconds of every stage that it needs before fine-tuning."""

import csv
from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import Patch
from pydantic import TypeAdapter, ValidationError

from maskpolicy.analysis.specs import ArmFiles
from maskpolicy.artefacts import ArtefactError, read_json
from maskpolicy.errors import InputError
from maskpolicy.reporting.palette import CATEGORIES
from maskpolicy.reporting.pictures import (
    LEGEND_BESIDE,
    Picture,
    picture_of_panels,
    rendered,
    write_picture,
)

NETWORK, MASKING, PRETRAINING = (
    "policy network",
    "masking of the corpus",
    "intermediate pre-training",
)

SECONDS = "seconds.json"
"""Where the training of a network that has several parts says what each of them took."""

_PARTS = TypeAdapter(dict[str, float])

Costs = dict[str, dict[str, float]]
"""Arm -> stage -> seconds of wall time."""


def draw_costs(arms: Sequence[ArmFiles], folder: Path, name: str) -> None:
    """Draw the seconds of each stage as a pie for each arm with a learned policy (paper C, fig. 3).

    Seconds are wall time on the machines that the stages ran on, summed over shards and
    pre-training seeds. Writes NAME.svg and NAME.png to `folder`, and NAME.csv with all arms. Raises
    ArtefactError, naming the file, when a measurement is missing or damaged, and InputError when no
    arm has a learned policy.
    """
    costs = {files.arm: _stages(files) for files in arms}
    learned = {files.arm: costs[files.arm] for files in arms if files.networks}
    if not learned:
        raise InputError("none of the arms has a learned policy whose costs could be drawn")
    rows = [
        {"arm": arm, "stage": stage, "seconds": round(seconds, 2)}
        for arm, stages in costs.items()
        for stage, seconds in stages.items()
    ]
    write_picture(folder, name, _draw(learned), rows)


def _stages(files: ArmFiles) -> dict[str, float]:
    stages: dict[str, float] = {}
    for network, benchmark in files.networks.items():
        parts = Path(network) / SECONDS
        taken = _read_parts(parts) if parts.is_file() else {NETWORK: _read_benchmark(benchmark)}
        for part, seconds in taken.items():
            stages[part] = stages.get(part, 0.0) + seconds
    stages[MASKING] = sum(map(_read_benchmark, files.masking))
    stages[PRETRAINING] = sum(map(_read_benchmark, files.pretraining))
    return stages


def _read_parts(path: Path) -> dict[str, float]:
    try:
        return _PARTS.validate_python(read_json(path))
    except ValidationError as error:
        raise ArtefactError(f"{path} does not hold seconds by part") from error


def _read_benchmark(path: str) -> float:
    """The wall time in a benchmark file of Snakemake, which has a line for each time a job ran."""
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            seconds = [float(row["s"]) for row in csv.DictReader(file, delimiter="\t")]
    except OSError as error:
        raise ArtefactError(f"cannot read {path}: {error.strerror}: rerun its rule") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ArtefactError(f"{path} is not a benchmark of Snakemake") from error
    if not seconds:
        raise ArtefactError(f"{path} holds no measurement: rerun its rule")
    return sum(seconds)


def _draw(costs: Costs) -> Picture:
    parts = dict.fromkeys(stage for stages in costs.values() for stage in stages)
    names = [part for part in parts if part not in (MASKING, PRETRAINING)] + [MASKING, PRETRAINING]
    # The stages that every arm has look the same in all studies.
    colours = dict(zip(reversed(names), CATEGORIES * len(names), strict=False))
    with picture_of_panels(len(costs), 2.5, 2.6, beside=2.2) as (figure, panels):
        for panel, (arm, stages) in zip(panels, costs.items(), strict=True):
            _draw_arm(panel, arm, stages, colours)
        # Not the wedges of one arm: another one may have other stages.
        figure.legend([Patch(color=colours[name]) for name in names], names, loc=LEGEND_BESIDE)
        figure.suptitle(
            "Measured cost before fine-tuning, by stage\n"
            "wall time, summed over shards and pre-training seeds",
            fontsize=10,
        )
        return rendered(figure)


def _draw_arm(panel: Axes, arm: str, stages: dict[str, float], colours: dict[str, str]) -> None:
    panel.pie(
        list(stages.values()),
        colors=[colours[stage] for stage in stages],
        autopct=lambda share: f"{share:.0f}%" if share >= 3 else "",
        pctdistance=1.17,  # outside: not every colour is dark enough for white text
        startangle=90,
        counterclock=False,
        wedgeprops={"linewidth": 0.8, "edgecolor": "white"},
        textprops={"fontsize": 8},
    )
    panel.set_title(f"{arm}\n{sum(stages.values()):,.0f} s", fontsize=9)
