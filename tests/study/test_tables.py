"""What the tables of a study need: runs in their order, costs, and figures alone and joined."""

import pytest
from support.configurations import configuration

from maskpolicy.analysis.specs import MASK_FIGURES, TableFiles
from maskpolicy.corruption.objective import Objective
from maskpolicy.evaluation.predictions import PREDICTIONS, TEST
from maskpolicy.study.loading import Study
from maskpolicy.study.plan import Plan
from maskpolicy.study.tables import PlannedTables


def tables_of(config: dict) -> PlannedTables:
    return PlannedTables(Plan(Study.load(config)))


@pytest.fixture(scope="module")
def selective() -> PlannedTables:
    return tables_of(configuration("selective"))


def test_a_table_collects_every_arm_on_every_task_with_every_seed(default):
    default["seeds"] |= {"pretraining": [5, 4], "finetuning": [1, 0]}
    default["tasks"]["other"] = default["tasks"]["factbook-qa"]
    default["tables"]["closed-book-qa"] |= {
        "arms": ["none", "ssm"],
        "tasks": ["other", "factbook-qa"],
    }
    table = tables_of(default)["closed-book-qa"]
    # The order is that of the rows: a table's text depends on it.
    assert table.runs == [
        f"results/config/runs/bart-mini/factbook/{arm}/{task}/pretraining-{p}/seed-{f}/metrics.json"
        for arm in ("none", "ssm")
        for task in ("other", "factbook-qa")
        for p in (5, 4)
        for f in (1, 0)
    ]
    assert table.searches == [
        f"results/config/runs/bart-mini/factbook/{arm}/{task}/pretraining-{p}/search.json"
        for arm in ("none", "ssm")
        for task in ("other", "factbook-qa")
        for p in (5, 4)
    ]
    assert table.finetuning == {"other": "default", "factbook-qa": "default"}
    assert table.runs_on_the_way == table.runs
    assert table.checkpoints == [
        f"results/config/models/bart-mini/factbook/ssm/seed-{p}/manifest.json" for p in (5, 4)
    ]
    masks = "results/config/masks/factbook/bpe-4k/ssm"
    assert table.masks == [f"{masks}/manifest.json"]


def test_checkpoints_on_the_way_are_those_of_arms_with_a_policy(default):
    default["seeds"]["finetuning"] = [0, 1]
    default["tables"]["closed-book-qa"]["arms"] = ["none", "ssm"]
    default["intermediate"]["factbook"]["stops"] = [200, 400]
    table = tables_of(default)["closed-book-qa"]
    folder = "results/config/runs/bart-mini/factbook/ssm/factbook-qa/pretraining-0"
    assert table.runs_on_the_way[len(table.runs) :] == [
        f"{folder}/step-{step}/seed-{seed}/metrics.json" for step in (200, 400) for seed in (0, 1)
    ]


def test_costs_of_the_default_study(default):
    arms = {files.arm: files for files in tables_of(default)["closed-book-qa"].files.costs}
    assert list(arms) == [
        arm for arm in default["tables"]["closed-book-qa"]["arms"] if arm != "none"
    ]
    meta, folder = arms["meta"], "results/config/benchmarks"
    assert meta.networks == {
        "results/config/networks/meta-qa": f"{folder}/train_policy/meta-qa.tsv"
    }
    assert meta.general == (f"{folder}/pretrain_general/bart-mini/0.tsv",)
    assert meta.general_share == 1.0
    assert meta.masking == tuple(
        f"{folder}/mask_shard/factbook/bpe-4k/meta/{shard}.tsv" for shard in (0, 1)
    )
    assert meta.pretraining == (f"{folder}/pretrain_intermediate/bart-mini/factbook/meta/0.tsv",)
    assert arms["rand"].networks == {}
    assert arms["rand"].masking == (f"{folder}/mask_corpus/factbook/bpe-4k/rand.tsv",)


def test_a_control_costs_the_masks_of_its_policy_and_their_moving(selective):
    control = selective["mr-yelp-300k"].costs_of_arm("selective-mr-300k@control")
    assert control.general_share == 0.3
    assert list(control.networks) == ["results/config/networks/mr-300k"]
    folder, corpus = "results/config/benchmarks", "yelp/bert-uncased"
    assert control.masking == (
        *(f"{folder}/mask_shard/{corpus}/selective-mr-300k/{shard}.tsv" for shard in range(4)),
        f"{folder}/match_corpus/{corpus}/selective-mr-300k@control.tsv",
    )


@pytest.mark.parametrize(("start", "steps"), [("initial", 0), ("general", 700), (300, 300)])
def test_general_steps_are_those_before_the_stage(default, start, steps):
    default["general"]["stops"] = [300]
    default["intermediate"]["factbook"]["start"] = start
    table = tables_of(default)["closed-book-qa"]
    assert table.general_steps == steps
    costs = table.costs_of_arm("rand")
    assert (len(costs.general), costs.general_share) == (int(steps > 0), steps / 700)


def test_tables_that_differ_in_their_start_alone_are_joined(selective):
    names = [f"mr-yelp-{start}" for start in ("100k", "200k", "300k", "1m")]
    assert selective.joint["bert-base+yelp+mr"] == names
    assert len(selective.joint) == 3 * 2  # tasks, corpora
    tables = selective.stopped("bert-base+yelp+mr")
    assert [table.general_steps for table in tables] == [100_000, 200_000, 300_000, 1_000_000]
    assert tables[1].arms == {
        "random": "random",
        "selective-mr-200k": "selective-mr",
        "selective-mr-200k@control": "selective-mr@control",
    }
    assert "results/config/analysis/bert-base+yelp+mr/learning-efficiency.svg" in (
        selective.figures("mr-yelp-200k")
    )


def test_tables_of_the_same_start_are_not_joined():
    study = configuration("selective")
    study["tables"]["again"] = study["tables"]["mr-yelp-100k"]
    assert "bert-base+yelp+mr" not in tables_of(study).joint


@pytest.mark.parametrize(
    ("study", "table", "figures"),
    [
        ("config", "closed-book-qa", {"costs", *MASK_FIGURES}),  # costs: of learned arms
        ("policies", "policies", {*MASK_FIGURES}),
        ("reviews", "reviews", {"learning-efficiency", "costs"}),
        ("fully-explored", "computer-science", {"learning-efficiency", "costs"}),
        ("fully-explored", "number-of-masks", {"mask-sweep"}),
        ("fully-explored", "glue", set()),
    ],
)
def test_there_is_drawn_what_a_table_has(study, table, figures):
    tables = tables_of(configuration(study))
    assert tables.joint == {}
    drawn = {f"results/config/analysis/{table}/{figure}.svg" for figure in figures}
    assert set(tables.figures(table)) == drawn


def test_masks_are_analysed_where_a_table_asks_for_it(default):
    del default["tables"]["closed-book-qa"]["mask_analysis"]
    table = tables_of(default)["closed-book-qa"]
    corpus = "results/config/corpora/factbook/bpe-4k"
    assert table.mask_folders[0] == "results/config/masks/factbook/bpe-4k/orig-infill-30"
    assert len(table.mask_folders) == 8, "all arms but `none`"
    assert table.shards == corpus
    assert table.annotation_manifests == [f"{corpus}/annotations/shard-{i}.json" for i in (0, 1)]
    figures = tables_of(default).figures("closed-book-qa")
    assert figures == ["results/config/analysis/closed-book-qa/costs.svg"]


def test_the_sweep_is_over_the_masks_of_fully_explored_arms():
    table = tables_of(configuration("fully-explored"))["number-of-masks"]
    assert table.masks_of_explored == {"fe-2": 2, "fe-4": 4, "fe-6": 6, "fe-8": 8}


def test_what_a_table_is_made_of_is_handed_on_as_a_file(default, tmp_path):
    """Thousands of paths are no argument of a command."""
    default["corpora"]["factbook"]["shards"] = 1000
    table = tables_of(default)["closed-book-qa"]
    table.files.write(tmp_path / "files.json")
    assert (tmp_path / "files.json").stat().st_size > 128 * 1024
    read = TableFiles.read(tmp_path / "files.json")
    assert read == table.files
    assert [len(of_row) for of_row in read.masks] == [0] + 8 * [1000]
    assert read.majorities == ("results/config/majority/factbook-qa.json",)
    assert read.cuts == (("results/config/cuts/bart-mini/factbook-qa.json",),)
    models, networks = "results/config/models/bart-mini", "results/config/networks"
    assert set(read.trained) == {
        f"{networks}/supervised-qa/manifest.json",
        f"{networks}/meta-qa/manifest.json",
        f"{models}/general/seed-0/manifest.json",
        *(f"{models}/factbook/{arm}/seed-0/manifest.json" for arm in table.trained_arms),
    }
    runs = "results/config/runs/bart-mini/factbook/ssm/factbook-qa/pretraining-0/seed-2"
    assert {f"{runs}/{PREDICTIONS[TEST]}", f"{runs}/metrics.json", read.masks[3][0]} < set(
        read.made
    )


def test_held_out_losses_are_measured_where_a_stage_asks_for_them(default):
    assert tables_of(default)["closed-book-qa"].held_out == []
    default["corpora"]["more"] = default["corpora"]["factbook"] | {"limit": 100, "shards": 1}
    default["intermediate"]["factbook"]["held_out"] = "more"
    default["tables"]["closed-book-qa"] |= {"arms": ["none", "ssm@control"]}
    tables = tables_of(default)
    folder = "results/config/held-out/bart-mini/factbook"
    assert tables["closed-book-qa"].held_out == [
        f"{folder}/none/seed-0.json",
        f"{folder}/ssm@control/seed-0.json",
    ]
    losses = "results/config/analysis/closed-book-qa/held-out-loss.csv"
    assert losses in tables.figures("closed-book-qa")
    planned = tables.plan.held_out("bart-mini", "factbook")
    assert planned.shards == "results/config/corpora/more/bpe-4k"
    assert planned.mask_manifests == ["results/config/masks/more/bpe-4k/held-out/manifest.json"]
    assert planned.objective == Objective(), "of a sequence-to-sequence model"


def test_leaks_are_looked_for_in_what_the_arms_of_a_table_read(default):
    def leaks() -> list[str]:
        return tables_of(default)["closed-book-qa"].leaks

    folder = "results/config/leaks/factbook-qa"
    assert leaks() == [f"{folder}/factbook-other.json", f"{folder}/factbook.json"]
    default["tables"]["closed-book-qa"] |= {"arms": ["none"], "mask_analysis": None}
    assert leaks() == [f"{folder}/factbook-other.json"]
    default["intermediate"]["factbook"]["start"] = "initial"
    assert leaks() == []


def test_contexts_are_looked_for_of_networks_that_learn_from_them(default, selective):
    folder = "results/config/networks"
    table = default["tables"]["closed-book-qa"]
    table["arms"] = ["none", "rand", "meta@control", "meta"]
    assert tables_of(default)["closed-book-qa"].contexts == [f"{folder}/meta-qa.contexts.json"]
    default["general"]["policy"] = "supervised-top1"
    default["networks"]["supervised-qa"]["start"] = "initial"
    assert tables_of(default)["closed-book-qa"].contexts == [
        f"{folder}/meta-qa.contexts.json",
        f"{folder}/supervised-qa.contexts.json",
    ]
    assert not any(selective[name].contexts for name in selective.plan.study.tables)


@pytest.fixture
def of_blocks(default) -> dict:
    """The default study with a table of two models and two stages, which start apart."""
    default["general"]["stops"] = [300]
    default["intermediate"]["longer"] = default["intermediate"]["factbook"] | {
        "corpus": "factbook-other",
        "start": 300,
        "stops": [400],
    }
    default["models"]["bart-two"] = default["models"]["bart-mini"]
    default["seeds"]["finetuning"] = [0, 1]
    first = {
        "model": "bart-mini",
        "intermediate": "factbook",
        "arms": ["none", "rand", {"arm": "rand", "intermediate": "longer", "label": "+Rand"}],
    }
    printed = {"dapt": {"factbook-qa": {"exact_match": [24.8, 0.1]}}}
    second = {
        "model": "bart-two",
        "label": "BART of two",
        "intermediate": "longer",
        "arms": ["none", "meta", {"arm": "dapt", "only_printed": True}],
        "paper": printed,
    }
    default["tables"]["several"] = {
        "tasks": ["factbook-qa"],
        "against": ["rand"],
        "stars": "none",
        "margin": 1.5,
        "blocks": [first, second],
    }
    default["tables"]["closed-book-qa"]["intermediate"] = "factbook"
    return default


def test_a_table_of_blocks_needs_the_runs_masks_and_cuts_of_each(of_blocks):
    table = tables_of(of_blocks)["several"]
    files = table.files
    results = "results/config"
    assert [(row.block, row.name, row.arm, row.stage) for row in files.rows] == [
        (0, "none", "none", "factbook"),
        (0, "rand", "rand", "factbook"),
        (0, "rand after longer", "rand", "longer"),
        (1, "none", "none", "longer"),
        (1, "meta", "meta", "longer"),
    ]
    assert files.rows[2].runs == tuple(
        f"{results}/runs/bart-mini/longer/rand/factbook-qa/pretraining-0/seed-{s}/metrics.json"
        for s in (0, 1)
    )
    assert table.runs == [run for row in files.rows for run in row.runs]
    assert [list(masks) for masks in files.masks] == [
        [],
        [f"{results}/masks/factbook/bpe-4k/rand/shard-{i}.json" for i in (0, 1)],
        [f"{results}/masks/factbook-other/bpe-4k/rand/shard-0.json"],
        [],
        [f"{results}/masks/factbook-other/bpe-4k/meta/shard-0.json"],
    ]
    assert files.cuts == tuple(
        (f"{results}/cuts/{model}/factbook-qa.json",) for model in ("bart-mini", "bart-two")
    )
    assert table.contexts == [f"{results}/networks/meta-qa.contexts.json"]
    assert (files.costs, files.runs_on_the_way) == ((), ())
    assert table.compared == ["--against=rand", "--stars=none", "--margin=1.5"]
    assert files.test_splits == {"factbook-qa": f"{results}/tasks/factbook-qa/test.arrow"}
    assert table.corpora == ["factbook-other", "factbook"], "that of each stage, once"


def test_the_plan_has_every_arm_of_a_table_of_blocks(of_blocks):
    arms = tables_of(of_blocks).plan.arms
    several = {("rand", "bart-mini", "longer"), ("meta", "bart-two", "longer")}
    assert several | {("rand", "bart-mini", "factbook")} <= set(arms)
    assert not [arm for arm in arms if arm.name == "dapt"]
    assert ("orig-infill-30", "bart-two", "general") in arms


def test_rows_say_where_they_are_unlike_their_block(of_blocks):
    first, second = tables_of(of_blocks)["several"].shown
    apart = "after longer (from general step 300), not factbook (from general)"
    assert [(row.label, row.about) for row in first.rows] == [
        ("none", ""),
        ("rand", ""),
        ("+Rand", apart),
    ]
    assert [(first.heading, second.heading)] == [("bart-mini", "BART of two")]
    assert [(row.name, row.about, row.only_printed) for row in second.rows][1:] == [
        ("meta", "", False),
        ("dapt", "", True),
    ]
    assert second.paper_figure("dapt", "factbook-qa", "exact_match") == (24.8, 0.1)
    del of_blocks["intermediate"]["longer"]["start"]
    assert tables_of(of_blocks)["several"].shown[0].rows[2].about == "after longer, not factbook"


def test_beside_a_table_of_several_stages_nothing_is_drawn(of_blocks):
    tables = tables_of(of_blocks)
    assert tables.figures("several") == []
    assert tables.of_one_stage == ["closed-book-qa"]
    assert not tables["several"].has_curves
    of_blocks["tables"]["several"] = of_blocks["tables"]["several"]["blocks"][1] | {
        "tasks": ["factbook-qa"]
    }
    del of_blocks["tables"]["several"]["label"]
    drawn = {f"results/config/analysis/several/{f}.svg" for f in ("learning-efficiency", "costs")}
    assert set(tables_of(of_blocks).figures("several")) == drawn
