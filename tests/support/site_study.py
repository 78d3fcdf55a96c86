"""The results of a small invented study, as a run would leave them: nothing in it is trained."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
from support.configurations import configuration

from maskpolicy.arrow_files import read_batches, write_batches, write_table
from maskpolicy.artefacts import write_json
from maskpolicy.corpora.documents import write_documents
from maskpolicy.corpora.sharding import shard_corpus
from maskpolicy.corpora.shards import ANNOTATION_SCHEMA, ENTITY_LABELS, PARTS_OF_SPEECH
from maskpolicy.corpora.specs import TrainedTokenizer
from maskpolicy.corpora.tokenizer import train_tokenizer
from maskpolicy.decisions.base import Decisions
from maskpolicy.decisions.files import packed, write_decisions
from maskpolicy.evaluation.collection import collect_runs
from maskpolicy.evaluation.predictions import (
    MANIFEST,
    PredictedRun,
    Predictions,
    vouch_for,
    write_predictions,
)
from maskpolicy.evaluation.scoring import score_runs
from maskpolicy.evaluation.search import Grid, search
from maskpolicy.reporting.tables import BlockFiles, render_table
from maskpolicy.site.results import StudyResults
from maskpolicy.sources.base import Document
from maskpolicy.statistics.significance import test_significance as compute_significance
from maskpolicy.study.loading import CONFIGURATION, STUDY_FILE, StudyFiles
from maskpolicy.tasks.majority import Majority
from maskpolicy.tasks.seq2seq import EXAMPLE_SCHEMA

NETWORK, LEARNED = "supervised-qa", "supervised-top1"
ARMS = ("none", "rand", "ssm", "ssm@control", LEARNED, f"{LEARNED}@control")
FEWER = ARMS[-1]  # an arm of another stage on the corpus, whose masks are fewer
EPOCHS, FEWER_EPOCHS = 3, 2
TABLE, TASK, MODEL = "closed-book-qa", "factbook-qa", "bart-mini"
CORPUS, TOKENIZER = "factbook", "bpe-4k"
STAGE, OTHER_STAGE = "factbook", "factbook-short"

NASTY = (
    ("", "</script><script>document.title = 'owned'</script> <img src=x onerror=alert(1)> & so on"),
    ("A & B", "the 🙂🙃 smiles\n\n\tat  me, and 東京 is the capital"),
    ("", "العاصمة هي القاهرة \u202e and back"),
    ("", "a bell \x07, a NUL \0 and \x1b[31mred\x1b[0m\nlines"),
)
"""Titles and texts that pages must show and never do."""

PLACES = ("Aruba", "Samoa", "Chad", "Fiji", "Mali", "Oman", "Peru", "Togo")
CAPITALS = ("Oranjestad", "Pago Pago", "N'Djamena", "Suva", "Bamako", "Muscat", "Lima", "Lomé")


def documents() -> list[tuple[str, str]]:
    """Titles and texts: nasty ones, then a capital each."""
    pairs = zip(PLACES, CAPITALS, strict=True)
    return [*NASTY, *((place, f"The capital is {city}. It is old.") for place, city in pairs)]


def write_study(home: Path, name: str = "study", better: int = 0) -> Path:
    """Write the results of the study below `home` and return their folder.

    Of the eight questions `none` knows none, `rand` 1, `ssm` 4, the learned policy 3, and controls
    2, each seed one more or less, and `better` more everywhere. Each epoch masks every third token
    of a row (`rand`, which inserts too) or every third eight of its tokens.
    """
    folder = home / "results" / name
    config = configuration() | {"name": name}
    arms = [{"arm": a, "intermediate": OTHER_STAGE} if a == FEWER else a for a in ARMS]
    config["tables"][TABLE] |= {"arms": arms, "intermediate": STAGE}
    stage = config["intermediate"][STAGE]
    stage["mask_epochs"] = EPOCHS
    config["intermediate"][OTHER_STAGE] = stage | {"mask_epochs": FEWER_EPOCHS}
    del config["tables"][TABLE]["mask_analysis"]
    config["networks"] = {NETWORK: config["networks"][NETWORK]}
    config["policies"] = {
        policy: config["policies"][policy] for policy in ("orig-infill-30", "rand", "ssm", LEARNED)
    }
    write_json(folder / CONFIGURATION, config)
    StudyFiles(files=(f"{name}.yaml",)).write(folder / STUDY_FILE)
    own = folder / "corpora" / CORPUS
    write_documents([Document(title, text) for title, text in documents()], own / "documents")
    spec = TrainedTokenizer(train_on=(CORPUS,), vocabulary_size=400)
    train_tokenizer([own / "documents"], spec, folder / "tokenizers" / TOKENIZER)
    shards = [own / TOKENIZER / f"shard-{number}.arrow" for number in range(2)]
    for number, shard in enumerate(shards):
        shard_corpus(
            own / "documents",
            folder / "tokenizers" / TOKENIZER,
            shard,
            sequence_length=60,
            shard=number,
            shards=2,
        )
        _annotate(shard)
    for arm in ARMS[1:]:
        _mask(folder / "masks" / CORPUS / TOKENIZER / arm, shards, arm)
    _network(folder)
    _examples(folder)
    _runs(folder, better)
    _trainings(folder)
    _table(folder)
    return folder


def epochs_of(arm: str) -> int:
    """How many masks of each row an arm makes."""
    return FEWER_EPOCHS if arm == FEWER else EPOCHS


def stage_of(arm: str) -> str:
    """The stage of an arm."""
    return OTHER_STAGE if arm == FEWER else STAGE


def masked(arm: str, epoch: int, length: int) -> np.ndarray:
    """Which tokens of a row an arm masks, bool [length]."""
    at_once = 1 if arm == "rand" else 8
    return (np.arange(length) // at_once + epoch + len(arm)) % 3 == 0


def inserted(epoch: int, length: int) -> np.ndarray:
    """Where `rand` inserts in a row, bool [length]."""
    return (np.arange(length) + epoch) % 5 == 4


def _annotate(shard: Path) -> None:
    path = shard.parent / "annotations" / shard.name
    with write_batches(path, ANNOTATION_SCHEMA) as writer:
        for batch in read_batches(shard):
            lengths = [len(ids) for ids in batch["input_ids"].to_pylist()]
            tags = [PARTS_OF_SPEECH.index(tag) for tag in ("NOUN", "VERB")]
            entity = {"start": 0, "end": 1, "label": ENTITY_LABELS.index("GPE")}
            columns = {
                "row": batch["row"],
                "entities": [[entity] for _ in lengths],
                "part_of_speech": [[tags[i % 2] for i in range(n)] for n in lengths],
            }
            writer.write_batch(pa.RecordBatch.from_pydict(columns, schema=ANNOTATION_SCHEMA))


def _mask(folder: Path, shards: list[Path], arm: str) -> None:
    for shard in shards:
        for epoch in range(epochs_of(arm)):
            inserts = arm == "rand"
            with write_decisions(folder / f"epoch-{epoch}" / shard.name, inserts) as writer:
                for batch in read_batches(shard):
                    lengths = [len(ids) for ids in batch["input_ids"].to_pylist()]
                    mask = np.concatenate([masked(arm, epoch, n) for n in lengths])
                    extra = np.concatenate([inserted(epoch, n) for n in lengths])
                    writer.write_batch(packed(Decisions(mask, extra if inserts else None)))
        counts = {"rows": 100, "dropped_rows": 10, "tokens": 1000, "masked_tokens": 150}
        of = {"corpus": CORPUS, "policy": arm, "seed": 0, "epochs": list(range(epochs_of(arm)))}
        manifest = {**of, **counts, "spans": 60, "insertions": 9}
        write_json(folder / f"{shard.stem}.json", manifest)
    write_json(folder / "manifest.json", {"files": {}})


def _network(folder: Path) -> None:
    home = folder / "networks" / NETWORK
    facts = {"seed": 0, "best_epoch": 1, "train": {"examples": 1933, "found": 1929}}
    losses = {"losses": {"train": [4.2, 2.5], "dev": [2.6, 2.7]}}
    write_json(home / "manifest.json", {"files": {}, **facts, **losses})
    (home / "learning-curve.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')


def examples() -> list[dict]:
    """The test examples: one for each capital, of two relations."""
    return [
        {
            "id": f"{place.lower()}/{'capital' if i % 2 else 'seat'}",
            "context": f"{place}. The capital is {city}. It is old." if i else "",
            "source": f"what is the capital of {place}? <b>{i}</b>",
            "target": city,
            "answers": [city],
            "choices": [],
        }
        for i, (place, city) in enumerate(zip(PLACES, CAPITALS, strict=True))
    ]


def _examples(folder: Path) -> None:
    table = pa.Table.from_pylist(examples(), schema=EXAMPLE_SCHEMA)
    write_table(folder / "tasks" / TASK / "test.arrow", table)


def right(arm: str, seed: int, better: int = 0) -> int:
    """How many of the first questions a run answers."""
    known = 2 if arm.endswith("@control") else {"none": 0, "rand": 1, "ssm": 4, LEARNED: 3}[arm]
    return max(0, known + (seed - 1) + better)


def _runs(folder: Path, better: int) -> None:
    ids = [example["id"] for example in examples()]
    answers = [example["answers"] for example in examples()]
    for arm in ARMS:
        home = folder / "runs" / MODEL / stage_of(arm) / arm / TASK / "pretraining-0"
        grid = Grid((1e-4, 2e-4, 3e-4))
        search(grid, "exact_match", lambda tried: float(tried.learning_rate == 2e-4)).write(
            home / "search.json"
        )
        for seed in range(3):
            says = [
                of[0] if i < right(arm, seed, better) else "<i>Atlantis</i>"
                for i, of in enumerate(answers)
            ]
            said = Predictions(ids, says, answers)
            run = PredictedRun(model=MODEL, policy=arm, task=TASK, pretraining_seed=0, seed=seed)
            write_predictions(home / f"seed-{seed}", run, {"dev": said, "test": said})
            vouch_for(home / f"seed-{seed}", run)
            score_runs([home / f"seed-{seed}" / MANIFEST], ["exact_match", "token_f1"])
            _log(home / f"seed-{seed}" / "training.jsonl")


def _trainings(folder: Path) -> None:
    for arm in ARMS[1:]:
        checkpoint = folder / "models" / MODEL / stage_of(arm) / arm / "seed-0"
        write_json(checkpoint / "manifest.json", {"files": {}})
        if arm != "rand":  # of which only the checkpoint was copied here
            _log(checkpoint / "training.jsonl")


def _log(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (
        {"step": step, "loss": 5 / step, "learning_rate": 1e-3, "tokens": 10 * step}
        for step in range(10, 410, 10)
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def _table(folder: Path) -> None:
    results = StudyResults.read(folder)
    planned = results.tables[TABLE]
    rows = [
        row.model_copy(
            update={
                "runs": tuple(str(results.at(run)) for run in row.runs),
                "searches": tuple(str(results.at(search)) for search in row.searches),
            }
        )
        for row in planned.files.rows
    ]
    tables = folder / "tables"
    arrow, significance = tables / f"{TABLE}.runs.arrow", tables / f"{TABLE}.significance.json"
    collect_runs(rows, tables / f"{TABLE}.runs.csv", arrow)
    compute_significance(arrow, significance)
    majority = folder / "majority" / f"{TASK}.json"
    metrics = {"exact_match": 0.1, "token_f1": 0.2}
    Majority(
        task=TASK,
        answer="Atlantis",
        share=0.25,
        metrics=metrics,
        dev_as_test=False,
        drift={},
        shared=0,
    ).write(majority)
    manifests = {
        row.name: [results.at(path) for path in of_row]
        for row, of_row in zip(rows, planned.files.masks, strict=True)
    }
    render_table(
        significance,
        [BlockFiles(planned.shown[0], manifests, [])],
        majorities=[majority],
        finetuning=planned.finetuning,
        folder=tables,
        name=TABLE,
        caption="Capitals & <b>closed</b> books",
    )
