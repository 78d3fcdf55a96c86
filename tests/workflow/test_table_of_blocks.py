"""Two tiny models, and stages of two sequence lengths, in one table."""

import csv
import json


def several(study: dict) -> dict:
    """The small study with few arms and without a general stage, in a table of two blocks.

    What is tested elsewhere is left out: each fine-tuning takes as long as importing torch.
    """
    study["corpora"]["facts"]["shards"] = 1
    study["corpora"]["facts-24"] = study["corpora"]["facts"] | {"sequence_length": 24}
    study["intermediate"]["shorter"] = study["intermediate"]["facts"] | {"corpus": "facts-24"}
    study["models"]["tiny-two"] = study["models"]["tiny"]
    study["policies"] = {"rand": study["policies"]["rand"]}
    study["finetuning"]["default"]["learning_rates"] = [0.01]
    for unneeded in ("general", "networks"):
        del study[unneeded]
    shorter = {"arm": "rand", "intermediate": "shorter", "label": "+Rand (24)"}
    dapt = {"arm": "dapt", "label": "+DAPT", "only_printed": True}
    study["tables"] = {
        "several": {
            "tasks": ["qa"],
            "against": ["rand"],
            "stars": "rand",
            "blocks": [
                {"model": "tiny", "intermediate": "facts", "arms": ["rand", shorter, dapt]}
                | {"paper": {"dapt": {"qa": {"exact_match": [24.71, 0.21]}}}},
                {"model": "tiny-two", "label": "Two", "intermediate": "facts", "arms": ["none"]},
            ],
        }
    }
    return study


def test_a_table_of_two_models_and_stages(unstarted):
    several(unstarted.study)
    finished = unstarted.finish()
    assert finished.planned() == set()
    tables, results = finished.results / "tables", finished.results

    # The stages read sequences of their own length: 48 tokens and 24.
    rows = {
        corpus: json.loads((results / f"corpora/{corpus}/bpe/shard-0.json").read_text())["rows"]
        for corpus in ("facts", "facts-24")
    }
    assert rows["facts-24"] > rows["facts"]

    significance = json.loads((tables / "several.significance.json").read_text())
    blocks = significance["blocks"]
    assert [block["model"] for block in blocks] == ["tiny", "tiny-two"]
    named = [
        [(arm["arm"], arm["stage"]) for arm in block["columns"][0]["arms"]] for block in blocks
    ]
    assert named == [
        [("rand", "facts"), ("rand after shorter", "shorter")],
        [("none", "facts")],
    ]
    assert (significance["baselines"], significance["starred"]) == (["rand"], "rand")

    with (tables / "several.runs.csv").open() as file:
        runs = [(run["block"], run["model"], run["row"]) for run in csv.DictReader(file)]
    assert {run: runs.count(run) for run in runs} == {
        (block, model, row): 2  # seeds
        for block, model, row in (
            *(("0", "tiny", row) for row in ("rand", "rand after shorter")),
            ("1", "tiny-two", "none"),
        )
    }
    with (tables / "several.csv").open() as file:
        of_rows = {(row["block"], row["arm"]): row for row in csv.DictReader(file)}
    assert list(of_rows) == [
        *(("tiny", arm) for arm in ("rand", "rand after shorter", "dapt")),
        *(("Two", "none"), ("", "(majority)")),
    ]
    assert of_rows["tiny", "dapt"]["qa EM paper"] == "24.71"

    page = (tables / "several.md").read_text()
    assert "After shorter, not facts: +Rand (24) (tiny)." in page
    assert "| +DAPT (in print)" in page and "| *Two* " in page
    assert "*Two*" in finished.output, "the table is printed at the end"
    # What is drawn beside a table is of one model and stage.
    assert not (results / "analysis").exists()
    costs = finished.snakemake("--dry-run", "--", "results/study/analysis/several/costs.csv")
    assert costs.returncode != 0
    assert "MissingRuleException" in costs.stdout + costs.stderr
