"""What an arm costs before fine-tuning: seconds of pre-training, masking and learning its policy.

Texts, tokenizers, annotations and statistics of corpora are not counted: they are made once.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.patches import Patch
from pydantic import TypeAdapter, ValidationError

from maskpolicy.analysis.benchmarks import Costs, read_benchmark
from maskpolicy.analysis.specs import ArmFiles
from maskpolicy.arms import CONTROL
from maskpolicy.artefacts import read_json
from maskpolicy.drawing.palette import CATEGORIES
from maskpolicy.drawing.pictures import (
    LEGEND_BESIDE,
    Picture,
    picture_of_panels,
    rendered,
    write_picture,
)
from maskpolicy.errors import ArtefactError

GENERAL, NETWORK, MASKING, PRETRAINING = (
    "general pre-training",
    "policy network",
    "masking of the corpus",
    "intermediate pre-training",
)

SECONDS = "seconds.json"
"""Where the training of a network that has several parts says what each of them took."""

_PARTS = TypeAdapter(dict[str, float])


def draw_costs(arms: Sequence[ArmFiles], folder: Path, name: str) -> None:
    """Draw the seconds of each stage as a pie for each arm with a learned policy.

    After Gu et al. 2020, figure 3. Where no arm has one, all have a pie. Seconds are wall time on
    the machines that the stages ran on, however many processes a job has: summed over the jobs that
    mask a corpus, and the mean over pre-training seeds; a job that was interrupted counts from
    where it went on. Writes NAME.svg and NAME.png to `folder`,
    and NAME.csv with all `arms`, of which there is at least one. Raises ArtefactError, naming the
    file, when a measurement is missing or damaged.
    """
    costs = {files.arm: _stages(files) for files in arms}
    learned = {
        files.arm: costs[files.arm]
        for files in arms
        if files.networks and not files.arm.endswith(CONTROL)  # whose pie is its policy's
    }
    rows = [
        {"arm": arm, "stage": stage, "seconds": round(seconds, 2)}
        for arm, stages in costs.items()
        for stage, seconds in stages.items()
    ]
    write_picture(folder, name, _draw(learned or costs), rows)


def _stages(files: ArmFiles) -> dict[str, float]:
    stages: dict[str, float] = {}
    if files.general:
        stages[GENERAL] = files.general_share * fmean(map(read_benchmark, files.general))
    for network, benchmark in files.networks.items():
        parts = Path(network) / SECONDS
        taken = _read_parts(parts) if parts.is_file() else {NETWORK: read_benchmark(benchmark)}
        for part, seconds in taken.items():
            stages[part] = stages.get(part, 0.0) + seconds
    stages[MASKING] = sum(map(read_benchmark, files.masking))
    stages[PRETRAINING] = fmean(map(read_benchmark, files.pretraining))
    return stages


def _read_parts(path: Path) -> dict[str, float]:
    try:
        return _PARTS.validate_python(read_json(path))
    except ValidationError as error:
        raise ArtefactError(f"{path} does not hold seconds by part") from error


def _draw(costs: Costs) -> Picture:
    stages = dict.fromkeys(stage for of_arm in costs.values() for stage in of_arm)
    usual = (PRETRAINING, MASKING, GENERAL)  # look the same in all studies
    of_policies = [stage for stage in stages if stage not in usual]
    colours = dict(zip([*usual, *of_policies], CATEGORIES * len(stages), strict=False))
    in_order = (GENERAL, *of_policies, MASKING, PRETRAINING)
    names = [stage for stage in in_order if stage in stages]
    with picture_of_panels(len(costs), 2.5, 2.6, beside=2.2) as (figure, panels):
        for panel, (arm, of_arm) in zip(panels, costs.items(), strict=True):
            _draw_arm(panel, arm, of_arm, colours)
        # Not the wedges of one arm: another one may have other stages.
        figure.legend([Patch(color=colours[name]) for name in names], names, loc=LEGEND_BESIDE)
        figure.suptitle(
            "Measured cost of pre-training and its masks, by stage\n"
            "wall time: sum over jobs, mean over seeds",
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
