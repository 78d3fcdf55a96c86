"""A complete study that takes a minute: invented facts, a tiny model, every rule."""

from pathlib import Path

import yaml
from support.study_folder import ROOT, write_jsonl

SYLLABLES = ["ba", "ko", "ri", "ma", "lu", "ne", "ta", "si", "do", "ve"]
SYMBOLS = ["lion", "falcon", "cedar tree", "white horse", "lotus flower", "snow leopard"]
YEARS = range(1900, 2000)
ARMS = ["none", "rand", "ssm", "ssm@control", "supervised-top5", "meta"]


def invented_country(i: int) -> dict[str, str]:
    """A country that exists nowhere, so that nothing is copied from a real source."""
    name = "".join(SYLLABLES[(i * k + k) % 10] for k in (1, 3, 7)).capitalize()
    return {
        "name": f"{name} {i}",
        "capital": "".join(SYLLABLES[(i * k + 2) % 10] for k in (3, 7)).capitalize(),
        "symbol": SYMBOLS[i % len(SYMBOLS)],
        "year": str(YEARS[i * 7 % len(YEARS)]),
    }


def write_sources(folder: Path, countries: int = 60) -> None:
    """Write passages as JSONL and questions about them as QA pairs."""
    passages, questions = [], []
    for i in range(countries):
        c = invented_country(i)
        text = (
            f"The capital of {c['name']} is {c['capital']}. It became independent in {c['year']} "
            f"from the United Kingdom. Its national symbol is the {c['symbol']}."
        )
        passages.append({"title": c["name"], "text": text})
        for relation, answer in (("capital", "capital"), ("symbol", "symbol"), ("year", "year")):
            questions.append(
                {
                    "id": f"{i}/{relation}",
                    "question": f"what is the {relation} of {c['name']}?",
                    "answers": [c[answer]],
                    "context": f"{c['name']}. {text}",
                }
            )
    write_jsonl(folder / "passages.jsonl", passages)
    write_jsonl(folder / "questions.jsonl", questions)


def small_study() -> dict:
    """The default study's configuration, made small and pointed at the invented facts."""
    study = yaml.safe_load((ROOT / "config.yaml").read_text())
    documents = {
        "source": "own-documents",
        "path": "passages.jsonl",
        "text_field": "text",
        "title_field": "title",
    }
    study["corpora"] = {"facts": {"documents": documents, "sequence_length": 48, "shards": 2}}
    study["tokenizers"] = {"bpe": {"train_on": ["facts"], "vocabulary_size": 400}}
    architecture = study["models"]["bart-mini"]["architecture"]
    architecture.update(d_model=16, encoder_layers=1, attention_heads=2, ffn_dim=32)
    study["models"] = {"tiny": {"tokenizer": "bpe", "architecture": architecture}}
    study["seeds"] = {"masking": 0, "pretraining": [0], "finetuning": [0, 1]}
    study["general"].update(corpus="facts", steps=5, mask_epochs=1)
    stage = study["intermediate"]["factbook"] | {"corpus": "facts", "steps": 5, "mask_epochs": 2}
    study["intermediate"] = {"facts": stage}
    task = {"source": "own-pairs", "train": "questions.jsonl"}
    study["tasks"] = {"qa": {"examples": task, "dev": 0.1, "test": 0.2}}
    study["finetuning"]["default"].update(steps=5, learning_rates=[0.001, 0.01])
    study["generation"]["default"]["max_length"] = 4
    study["networks"]["supervised-qa"].update(model="tiny", task="qa", epochs=1, context_length=40)
    study["networks"]["meta-qa"].update(
        model="tiny", task="qa", steps=4, evaluations=1, learning_rate=0.05
    )
    study["tables"] = {
        "qa": {"model": "tiny", "tasks": ["qa"], "arms": ARMS, "mask_analysis": {"share": 0.01}}
    }
    return study
