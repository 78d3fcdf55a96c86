"""Small files in the formats of published releases, made up here, at the paths of `native.yaml`."""

import json
import random
from hashlib import sha1
from pathlib import Path
from typing import Any

from support.study_folder import write_jsonl

QUARTZ = "samples/quartz/dummy_data/quartz-dataset-v1-aug2019"
SUBJECTS = ["river", "lake", "hill", "town", "road", "tower", "forest", "island"]
WORDS = ["cold", "warm", "old", "new", "long", "short", "wide", "small", "near", "far"]


def write_releases(folder: Path) -> Path:
    """Write all of them; there are as many examples as dealing `native.yaml`'s splits wants."""
    draw = random.Random(0)

    def sentence() -> str:
        return f"The {draw.choice(SUBJECTS)} is {draw.choice(WORDS)} and {draw.choice(WORDS)} ."

    articles = [
        f" = {name.title()} = \n\n {' '.join(sentence() for _ in range(9))} \n\n"
        for name in SUBJECTS
    ]
    _write(folder / "wikitext-2/valid.txt", "".join(articles))
    _write(folder / "wikitext-2/test.txt", "".join(reversed(articles)))

    questions = [
        {"question": f"what is the {subject} {i} like", "answer": [draw.choice(WORDS)]}
        for i in range(90)
        for subject in SUBJECTS
    ]
    _write_jsonl(folder / "nq_open/NQ-open.dev.jsonl", questions)
    for n, split in enumerate(("trainmodel", "val", "test")):
        items = [
            {"qId": f"wqr{n}{i}", "qText": f"where is {n} {i}?", "answers": [draw.choice(WORDS)]}
            for i in range(12)
        ]
        _write(folder / f"webquestions/{split}.json", json.dumps(items))
    for n, (split, passages) in enumerate((("train", 70), ("dev", 4))):
        _write(folder / f"ropes/{split}-v1.0.json", json.dumps(_ropes(n, passages)))
    for n, split in enumerate(("train", "dev", "test")):
        _write_jsonl(folder / f"{QUARTZ}/{split}.jsonl", [_quartz(f"Q-{n}-{i}") for i in range(2)])

    for split, stories in (("train", range(6)), ("val", range(6, 9))):
        urls = [f"http://example.org/{i}" for i in stories]
        _write(folder / f"cnn_dm/url_lists/all_{split}.txt", "".join(f"{url}\n" for url in urls))
        for url in urls:
            name = sha1(url.encode(), usedforsecurity=False).hexdigest()
            story = "\n\n".join([sentence(), sentence(), "@highlight", sentence()])
            _write(folder / f"cnn_dm/cnn_stories/{name}.story", story)

    for split in ("train", "dev", "test"):
        rows = [
            {"text": f"{split} {i}: {sentence()}", "label": label, "metadata": {}}
            for i in range(4)
            for label in ("Background", "Uses")
        ]
        _write_jsonl(folder / f"acl_arc/{split}.txt", rows)
    for split in ("train", "dev"):
        lines = ["index\tsentence1\tsentence2\tlabel"]
        for i in range(20):
            label = ("entailment", "not_entailment")[i % 2]
            lines.append(f"{i}\t{split} {i}: {sentence()}\t{sentence()}\t{label}")
        _write(folder / f"glue/RTE/{split}.tsv", "\n".join(lines) + "\n")
    for label in ("pos", "neg"):
        lines = [f"{label} {i} {sentence()}" for i in range(20)]
        _write(folder / f"mr/rt-polarity.{label}", "\n".join(lines) + "\n")
    return folder


def _ropes(number: int, passages: int) -> dict[str, Any]:
    def paragraph(i: int) -> dict[str, Any]:
        cups = [f"cup {number}{i}A", f"cup {number}{i}B"]
        questions = [
            {"id": f"{number}-{i}-{j}", "question": question, "answers": [{"text": cup}]}
            for j, (question, cup) in enumerate(
                zip((f"Which of {cups} melts?", f"Which of {cups} freezes?"), cups, strict=True)
            )
        ]
        situation = f"{cups[0]} has salt and {cups[1]} has none."
        return {"background": "Salt melts ice.", "situation": situation, "qas": questions}

    paragraphs = [paragraph(i) for i in range(passages)]
    return {"version": "1.0", "data": [{"title": "ropes", "paragraphs": paragraphs}]}


def _quartz(name: str) -> dict[str, Any]:
    choices = [{"label": "A", "text": "higher"}, {"label": "B", "text": "lower"}]
    question = {"stem": f"If {name} is colder, its speed is", "choices": choices}
    return {
        "id": name,
        "para_id": f"S-{name}",
        "para": "Cold is slow.",
        "question": question,
        "answerKey": "B",
    }


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(path, rows)
