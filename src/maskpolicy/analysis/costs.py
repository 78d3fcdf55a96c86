"""What a policy costs: measured seconds of every stage that it needs before fine-tuning."""

import csv
from collections.abc import Sequence
from pathlib import Path

from maskpolicy.analysis.specs import ArmFiles
from maskpolicy.artefacts import ArtefactError, read_json
from maskpolicy.reporting.palette import CATEGORIES
from maskpolicy.reporting.pictures import Picture, picture, rendered, write_picture

MASKING, PRETRAINING = "masking of the corpus", "intermediate pre-training"

SECONDS = "seconds.json"
"""Where the training of a network that has several parts says what each of them took."""

Costs = dict[str, dict[str, float]]
"""Arm -> stage -> seconds of wall time."""


def draw_costs(arms: Sequence[ArmFiles], folder: Path, name: str) -> None:
    """Draw the seconds of each stage as a pie for each arm with a learned policy (paper C, fig. 3).

    Seconds are wall time on the machines that the stages ran on, summed over shards and
    pre-training seeds. Writes NAME.svg and NAME.png to `folder`, and NAME.csv with all arms. Raises
    ArtefactError, naming the file, when a measurement is missing or damaged.
    """
    costs = {files.arm: _stages(files) for files in arms}
    rows = [
        {"arm": arm, "stage": stage, "seconds": round(seconds, 2)}
        for arm, stages in costs.items()
        for stage, seconds in stages.items()
    ]
    learned = {files.arm: costs[files.arm] for files in arms if files.networks}
    write_picture(folder, name, _draw(learned), rows)


def _stages(files: ArmFiles) -> dict[str, float]:
    stages: dict[str, float] = {}
    for network, benchmark in files.networks.items():
        parts = Path(network) / SECONDS
        taken = read_json(parts) if parts.is_file() else {"policy network": _seconds(benchmark)}
        for part, seconds in taken.items():
            stages[part] = stages.get(part, 0.0) + seconds
    stages[MASKING] = sum(map(_seconds, files.masking))
    stages[PRETRAINING] = sum(map(_seconds, files.pretraining))
    return stages


def _seconds(benchmark: str) -> float:
    """The wall time in a benchmark file of Snakemake."""
    try:
        with Path(benchmark).open(encoding="utf-8", newline="") as file:
            return sum(float(row["s"]) for row in csv.DictReader(file, delimiter="\t"))
    except (OSError, KeyError, ValueError) as error:
        raise ArtefactError(f"cannot read the seconds in {benchmark}: {error}") from error


def _draw(costs: Costs) -> Picture:
    names = list(dict.fromkeys(stage for stages in costs.values() for stage in stages))
    colours = dict(zip(names, CATEGORIES * len(names), strict=False))
    with picture(2.4 + 2.5 * len(costs), 3.2) as figure:
        panels = figure.subplots(1, len(costs), squeeze=False)[0]
        for panel, (arm, stages) in zip(panels, costs.items(), strict=True):
            wedges, *_ = panel.pie(
                list(stages.values()),
                colors=[colours[stage] for stage in stages],
                autopct=lambda share: f"{share:.0f} %" if share >= 4 else "",
                pctdistance=0.75,
                startangle=90,
                counterclock=False,
                wedgeprops={"linewidth": 0.8, "edgecolor": "white"},
                textprops={"color": "white", "fontsize": 8},
            )
            panel.set_title(f"{arm}\n{sum(stages.values()):,.0f} s", fontsize=9)
        figure.suptitle("Measured cost before fine-tuning (wall time)", fontsize=10)
        figure.legend(wedges, list(stages), loc="outside right center")
        return rendered(figure)
