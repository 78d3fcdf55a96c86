"""Runs that anybody made: files of predictions with golds, or of scores of single examples.

JSONL, JSON, CSV, TSV, Parquet or Arrow, one file a run. What makes scores are the same statistics
of examples as those of a study's runs.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from maskpolicy.errors import ArtefactError, InputError, counted, listed
from maskpolicy.evaluation.clusters import number_clusters
from maskpolicy.evaluation.metrics.choices import ChoiceMetric
from maskpolicy.evaluation.metrics.registry import find_metric
from maskpolicy.json_files import JsonObject
from maskpolicy.sources.own.rows import read_rows

GOLDS = ("answers", "golds", "gold", "answer", "label", "target")
"""Where acceptable answers are sought: a list of strings, or one."""

POINTS = 50
"""A score beyond it is one in points, where others may be."""

LARGEST = 1e9
"""Score in size: squares of differences of larger ones hold nothing of smaller ones."""

MEAN = "mean"
"""What scores of single examples are made into, where no metric is."""


@dataclass(frozen=True)
class Fields:
    """The names of columns; without `gold` it is the first of GOLDS that is there."""

    id: str = "id"
    prediction: str = "prediction"
    gold: str | None = None
    score: str = "score"
    cluster: str | None = None  # examples equal in it are not independent


@dataclass(frozen=True)
class GivenRuns:
    """The runs of each arm on the same N examples.

    statistics: arm -> float64 [N, runs, M], examples in the order of the first file; clusters: the
    number of each example's, [N], where a column has them.
    """

    statistics: dict[str, np.ndarray]
    clusters: np.ndarray | None
    signature: str
    points: bool  # whether scores were given in points, and so divided by 100


@dataclass(frozen=True)
class _Row:
    """An example in a file: its place, what is predicted and right, or its score."""

    place: str
    prediction: str
    golds: tuple[str, ...]
    score: float
    cluster: str | None  # None where the file doesn't say


def read_given_runs(
    arms: Mapping[str, Sequence[Path]], metric: str | None, fields: Fields
) -> GivenRuns:
    """Read the runs of arms, a file each; without a metric they hold scores of examples.

    Scores beyond [-1, 1] anywhere are taken for points, log-likelihoods too. Raises InputError for
    a metric that files can't be scored with, and ArtefactError naming the file and line: of an
    example that is there twice, is not in the first file, has another gold or cluster there, or
    lacks a field; and where a file lacks examples of the first. Others may lack clusters.
    """
    if metric is not None and isinstance(find_metric(metric), ChoiceMetric):
        raise InputError(f"--metric {metric}: it needs the likelihoods of choices, not predictions")
    files = [(arm, path) for arm, paths in arms.items() for path in paths]
    read = [_read(path, fields, metric, first=not i) for i, (_, path) in enumerate(files)]
    first_path, first = files[0][1], read[0]
    for (_, path), rows in zip(files[1:], read[1:], strict=True):
        _check_same(first_path, first, path, rows)
    ids = list(first)
    aligned = [[rows[name] for name in ids] for rows in read]
    points = False
    if metric is None:
        scores = np.array([[row.score for row in rows] for rows in aligned])
        if scores.min() >= 0:  # log-likelihoods have no scale
            _check_scale([path for _, path in files], scores.max(axis=1))
        points = bool(np.abs(scores).max() > 1)
        statistics = list(scores[:, :, None] / (100 if points else 1))
    else:
        statistics = _statistics(metric, aligned, first_path)
    of_arms: dict[str, list[np.ndarray]] = {arm: [] for arm in arms}
    for (arm, _), some in zip(files, statistics, strict=True):
        of_arms[arm].append(some)
    clusters = None
    if fields.cluster is not None:
        clusters = np.array(number_clusters((name, first[name].cluster or "") for name in ids))
    return GivenRuns(
        {arm: np.stack(some, axis=1) for arm, some in of_arms.items()},
        clusters,
        MEAN if metric is None else find_metric(metric).signature,
        points,
    )


def _read(path: Path, fields: Fields, metric: str | None, *, first: bool) -> dict[str, _Row]:
    rows: dict[str, _Row] = {}
    for row in _rows(path):
        if row.find(fields.id, absent := object()) is absent:
            known = listed(map(repr, row.fields), 10)
            raise row.wrong(
                f"the field {fields.id!r} is missing among {known}: say which one names examples"
                " (--id-field)"
            )
        name = row.name(fields.id)
        if not name:
            raise row.wrong(f"the field {fields.id!r} is empty")
        if name in rows:
            raise row.wrong(f"the example {name!r} is in {rows[name].place}, too")
        scored = metric is None
        rows[name] = _Row(
            place=row.place,
            prediction="" if scored else row.written(fields.prediction),
            golds=() if scored else _golds(row, fields),
            score=_score(row, fields) if scored else 0.0,
            cluster=_cluster(row, fields, needed=first),
        )
    if not rows:
        raise ArtefactError(f"{path}: it has no rows")
    return rows


def _rows(path: Path) -> Iterator[JsonObject]:
    if not path.exists():
        raise ArtefactError(f"{path}: there is no such file")
    if path.suffix.lower() not in (".arrow", ".feather"):
        yield from read_rows(path)
        return
    number = 0
    for batch in _batches(path):
        for fields in batch.to_pylist():
            number += 1
            yield JsonObject(f"{path}, row {number}", number, fields)


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    """Of an Arrow file or stream; none of an empty file."""
    if not path.stat().st_size:
        return
    try:
        source = pa.memory_map(str(path))
        try:
            table = pa.ipc.open_file(source).read_all()
        except pa.ArrowInvalid:
            source.seek(0)
            table = pa.ipc.open_stream(source).read_all()
    except (pa.ArrowException, OSError) as error:
        raise ArtefactError(
            f"{path} is no whole Arrow file or stream, nor Feather of version 2: {error}"
        ) from error
    yield from table.to_batches()


def _golds(row: JsonObject, fields: Fields) -> tuple[str, ...]:
    sought = GOLDS if fields.gold is None else (fields.gold,)
    field = next((name for name in sought if row.find(name) is not None), None)
    if field is None:
        raise row.wrong(
            f"no gold in {' or '.join(map(repr, sought))} among {listed(map(repr, row.fields), 10)}"
        )
    return row.texts(field) if isinstance(row.find(field), list) else (row.written(field),)


def _cluster(row: JsonObject, fields: Fields, *, needed: bool) -> str | None:
    if fields.cluster is None or (not needed and row.find(fields.cluster) is None):
        return None
    return row.written(fields.cluster).strip()


def _score(row: JsonObject, fields: Fields) -> float:
    value: Any = row.find(fields.score)
    if value is None:
        known = listed(map(repr, row.fields), 10)
        raise row.wrong(
            f"the field {fields.score!r} is missing among {known}: with predictions and golds, say"
            " which --metric scores them"
        )
    try:
        score = float(value)
    except (TypeError, ValueError, OverflowError):
        score = float("nan")
    if not isfinite(score):
        said = repr(value) if len(repr(value)) <= 40 else f"{repr(value)[:40]}…"
        raise row.wrong(f"the field {fields.score!r} holds no finite number: {said}")
    if abs(score) > LARGEST:
        raise row.wrong(f"the field {fields.score!r} holds a number beyond {LARGEST:g}: {score:g}")
    return score


def _check_same(
    first_path: Path, first: Mapping[str, _Row], path: Path, rows: Mapping[str, _Row]
) -> None:
    for name, row in rows.items():
        if name not in first:
            raise ArtefactError(f"{row.place}: the example {name!r} is not in {first_path}")
        if row.golds != first[name].golds:
            golds, others = (listed(some.golds, 3) for some in (row, first[name]))
            raise ArtefactError(
                f"{row.place}: the gold of {name!r} is {golds!r}, in {first[name].place} {others!r}"
            )
        if row.cluster not in (None, first[name].cluster):
            raise ArtefactError(
                f"{row.place}: the cluster of {name!r} is {row.cluster!r}, in {first[name].place}"
                f" {first[name].cluster!r}"
            )
    if lacking := [name for name in first if name not in rows]:
        raise ArtefactError(
            f"{path} lacks {counted(len(lacking), 'example')} of {first_path}, as {lacking[0]!r}"
            f" of {first[lacking[0]].place}"
        )


def _check_scale(paths: Sequence[Path], largest: np.ndarray) -> None:
    """Refuse scores in points beside others that are shares of 1; zeros may be either."""
    shares = (largest > 0) & (largest <= 1)
    if largest.max() > POINTS and shares.any():
        points, share = paths[int(largest.argmax())], paths[int(shares.argmax())]
        raise ArtefactError(
            f"{share}: no score is beyond 1, but in {points} some are as large as"
            f" {largest.max():g}: give all in points, or none"
        )


def _statistics(metric: str, files: Sequence[Sequence[_Row]], path: Path) -> list[np.ndarray]:
    """Those of each file, of one length: labels are all that any file has."""
    said = {text for rows in files for row in rows for text in (row.prediction, *row.golds)}
    try:
        return [
            find_metric(metric).statistics(
                [row.prediction for row in rows], [row.golds for row in rows], sorted(said)
            )
            for rows in files
        ]
    except ValueError as error:
        raise InputError(f"{path} can't be scored with --metric {metric}: {error}") from None
