"""The trainings of a study, one by one: curve, scores, settings, log, and the command of each."""

from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from maskpolicy.analysis.benchmarks import read_rows
from maskpolicy.arms import NO_POLICY
from maskpolicy.evaluation.runs import Run
from maskpolicy.evaluation.search import Search
from maskpolicy.json_files import JsonObject, read_json_lines
from maskpolicy.reporting import text
from maskpolicy.site.masks import visible
from maskpolicy.site.networks import NetworkPage
from maskpolicy.site.overview import TablePage
from maskpolicy.site.pages import settings_text
from maskpolicy.site.results import StudyResults
from maskpolicy.training.step_log import LOG_NAME

MOST_POINTS = 160
"""Of a curve, that a page draws."""

LAST_LINES = 40
"""Of a log, that a page holds."""

SERIES = ("loss", "learning_rate", "gradient_norm", "tokens_per_second")
"""What is drawn of the log of a training."""

Training = dict[str, Any]
"""What a page shows of one: `id` is the folder of its results below those of the study."""


def trainings(
    results: StudyResults, tables: Sequence[TablePage], networks: Sequence[NetworkPage]
) -> list[Training]:
    """All that is there: networks of policies, checkpoints, and runs of tables."""
    found = [
        *_networks(results, networks),
        *_checkpoints(results, tables),
        *_runs(results, tables),
    ]
    targets = {f"#{each['id']}" for each in found}
    return [
        each
        | {
            "folder": f"{results.study.results}/{each['id']}",
            "links": [(says, to) for says, to in each["links"] if to[0] != "#" or to in targets],
        }
        for each in found
    ]


def _networks(results: StudyResults, networks: Sequence[NetworkPage]) -> Iterator[Training]:
    for network in networks:
        planned = f"{results.study.results}/{network.id}/manifest.json"
        yield {
            "id": network.id,
            "kind": "Networks of policies",
            "title": network.name,
            "facts": [],
            "curves": _csv_curves(results.folder / network.id / "log.csv"),
            "links": [("what it learned, from what, and what it masks", network.page)],
            "settings": "",  # those stand on its page
            "log": _log(results.folder / "logs" / "train_policy" / f"{network.name}.log"),
            "command": results.command(planned, "--forcerun", "train_policy"),
        }


def _checkpoints(results: StudyResults, tables: Sequence[TablePage]) -> Iterator[Training]:
    study, plan, seen = results.study, results.plan, set()
    for table in tables:
        for _, model, row in table.planned.rows:
            for seed in study.seeds.pretraining:
                places = [("general", NO_POLICY), (row.stage, row.arm)]
                for stage, arm in places:
                    if stage == "general":
                        if study.general is None:
                            continue
                        checkpoint = plan.start(model, seed, "general")
                    elif arm == NO_POLICY:
                        continue
                    else:
                        checkpoint = plan.checkpoint_of_arm(model, seed, stage, arm)
                    made = results.at(checkpoint.manifest).is_file()
                    if checkpoint.folder in seen or not made:
                        continue
                    seen.add(checkpoint.folder)
                    yield _checkpoint(results, checkpoint.folder, model, stage, arm, seed)


def _checkpoint(
    results: StudyResults, planned: str, model: str, stage: str, arm: str, seed: int
) -> Training:
    study, folder = results.study, results.at(planned)
    general = stage == "general"
    policy = study.general.policy if general and study.general else arm
    rule = "pretrain_general" if general else "pretrain_intermediate"
    place = f"{model}/{seed}" if general else f"{model}/{stage}/{arm}/{seed}"
    record = study.pretraining(stage)
    several = f", seed {seed}" if len(study.seeds.pretraining) > 1 else ""
    return {
        "id": str(folder.relative_to(results.folder)),
        "kind": "Pre-training",
        "title": f"{model}: general stage{several}"
        if general
        else f"{model}: {arm}{several}{f' ({stage})' if len(study.intermediate) > 1 else ''}",
        "facts": [("stage", stage), ("policy", policy), ("seed", str(seed))],
        "curves": _log_curves(folder / LOG_NAME),
        "links": [],
        "settings": settings_text({"stage": record, "policy": study.policy(policy)}),
        "log": _log(results.folder / "logs" / rule / f"{place}.log"),
        "command": results.command(f"{planned}/manifest.json", "--forcerun", rule),
    }


def _runs(results: StudyResults, tables: Sequence[TablePage]) -> Iterator[Training]:
    seen = set()
    for table in tables:
        for row, (_, model, planned) in zip(
            table.planned.files.rows, table.planned.rows, strict=True
        ):
            for path in row.runs:
                metrics = results.at(path)
                if path not in seen and metrics.is_file():
                    seen.add(path)
                    yield _run(results, path, model, planned.stage)


def _run(results: StudyResults, path: str, model: str, stage: str) -> Training:
    metrics = results.at(path)
    run = Run.read(metrics)
    arm, seeds = run.policy, f"{run.pretraining_seed} / {run.seed}"
    chosen = results.plan.search(model, stage, arm, run.task, run.pretraining_seed)
    search = Search.read(results.at(chosen))
    checkpoint = results.plan.checkpoint_of_arm(model, run.pretraining_seed, stage, arm)
    of_start = str(results.at(checkpoint.folder).relative_to(results.folder))
    scores = [
        (f"{name} ({split})", text.score_text(score, None))
        for split, of in ((run.split, run.metrics), ("dev", run.dev))
        for name, score in of.items()
    ]
    log = f"{model}/{stage}/{arm}/{run.task}/{run.pretraining_seed}.log"
    return {
        "id": str(metrics.parent.relative_to(results.folder)),
        "kind": f"Fine-tuning on {run.task}",
        "title": f"{arm}, seeds {seeds}",
        "facts": [
            *scores,
            ("learning rate", f"{search.learning_rate:g}, chosen on dev"),
            ("examples", f"{run.examples:,}"),
            ("seeds", f"pre-training {run.pretraining_seed}, fine-tuning {run.seed}"),
            ("starts from", checkpoint.folder),
        ],
        "curves": _log_curves(metrics.with_name(LOG_NAME)),
        "links": [("the checkpoint that it starts from", f"#{of_start}")],
        "settings": settings_text(
            {
                "finetuning": results.plan.finetuning(model, run.task),
                "search": search,
                "signatures": run.signatures,
            }
        ),
        "log": _log(results.folder / "logs" / "finetune" / log),
        "command": results.command(path, "--forcerun", "finetune"),
    }


def _log_curves(path: Path) -> dict[str, list[tuple[float, float]]]:
    """What the log of a training says at its steps; of none nothing."""
    if not path.is_file():
        return {}
    return _curves(list(read_json_lines(path)), SERIES)


def _csv_curves(path: Path) -> dict[str, list[tuple[float, float]]]:
    if not path.is_file():
        return {}
    rows = read_rows(path, ",")
    lines = [
        JsonObject(f"{path}, line {number}", number, dict(row))
        for number, row in enumerate(rows, 2)
    ]
    return _curves(lines, [key for key in (rows[0] if rows else ()) if key and key != "step"])


def _curves(
    lines: Sequence[JsonObject], series: Sequence[str]
) -> dict[str, list[tuple[float, float]]]:
    """Of each series points (step, value) that can be drawn, every so manieth and the last.

    Raises ArtefactError naming the line where one is no number.
    """
    curves = {}
    for key in series:
        there = [line for line in lines if line.fields.get(key) not in (None, "")]
        values = [(_number(line, "step"), _number(line, key)) for line in there]
        points = [point for point in values if all(map(isfinite, point))]
        every = -(-len(points) // MOST_POINTS) or 1
        if points:
            kept = points[::every]
            curves[key] = [*kept, *([points[-1]] if kept[-1] != points[-1] else [])]
    return curves


def _number(line: JsonObject, field: str) -> float:
    try:
        return float(line.fields[field])
    except (KeyError, OverflowError, TypeError, ValueError):
        raise line.wrong(f"{field!r} is not a number") from None


def _log(path: Path) -> str:
    """The end of a log, without what would command a terminal."""
    if not path.is_file():
        return ""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return visible("\n".join(lines[-LAST_LINES:]))
