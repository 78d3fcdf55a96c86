"""What a study needs, enumerated: arms, masks and checkpoints."""

import re

import pytest
from support.configurations import configuration

from maskpolicy.artefacts import write_json
from maskpolicy.errors import InputError
from maskpolicy.study.loading import Study
from maskpolicy.study.plan import Arm, Plan, any_of, label_of, planned_arms


@pytest.fixture
def encoder() -> dict:
    """A small study with two intermediate stages on two corpora and an analysis of an arm."""
    study = configuration("variance")
    stage = {key: value for key, value in study["general"].items() if key != "policy"}
    study["corpora"]["other"] = study["corpora"]["factbook-long"]
    study["policies"]["whole"] = study["policies"]["rand"] | {"decide": {"kind": "whole-word"}}
    study["intermediate"] = {
        "short": stage | {"mask_epochs": 3, "start": "initial"},
        "long": stage | {"mask_epochs": 16},
        "elsewhere": stage | {"mask_epochs": 5, "corpus": "other"},
    }
    arm = {"stage": "long", "policy": "whole@control"}
    study["variance"] = {"arm": study["variance"]["after-training"] | {"start": arm}}
    return study


def plan_of(config: dict) -> Plan:
    return Plan(Study.load(config))


def test_the_arms_of_the_default_study_are_those_of_its_table_and_the_general_stage(default):
    table = default["tables"]["closed-book-qa"]["arms"]
    assert planned_arms(Study.load(default)) == [
        *(Arm(name, "bart-mini", "factbook") for name in table),
        Arm("orig-infill-30", "bart-mini", "general"),
    ]


def test_analyses_ask_for_arms_too(encoder):
    assert planned_arms(Study.load(encoder)) == [
        Arm("whole@control", "roberta-mini", "long"),
        Arm("rand", "roberta-mini", "general"),
    ]


def test_a_policy_and_its_control_are_two_arms_of_one_policy():
    assert Arm("ssm@control", "bart", "facts").policy == Arm("ssm", "bart", "facts").policy


@pytest.mark.parametrize(
    ("policy", "epochs"),
    [
        ("rand", 32),  # of the table
        ("ssm", 32),  # its control, too
        ("orig-infill-30", 32),  # of the table; the general stage reads another corpus
    ],
)
def test_masks_of_the_default_study_are_those_of_its_stage(default, policy, epochs):
    assert plan_of(default).mask_epochs("factbook", policy) == epochs


def test_masks_are_made_for_every_stage_that_reads_them(default, encoder):
    assert plan_of(default).mask_epochs("factbook-other", "orig-infill-30") == 1
    plan = plan_of(encoder)
    assert plan.mask_epochs("factbook-long", "rand") == 8  # the general stage's
    assert plan.mask_epochs("factbook-long", "whole") == 16  # of the arm that is analysed
    encoder["variance"]["arm"]["start"]["stage"] = "short"
    assert plan_of(encoder).mask_epochs("factbook-long", "whole") == 3


def test_masks_of_an_arm_that_nothing_asks_for_are_enough_for_any_stage_on_the_corpus(encoder):
    plan = plan_of(encoder)
    assert plan.mask_epochs("other", "rand") == 5
    assert plan.mask_epochs("other", "whole") == 5
    encoder["variance"] = {}
    assert plan_of(encoder).mask_epochs("factbook-long", "whole") == 16


def test_a_corpus_that_no_stage_reads_is_masked_once(default):
    assert plan_of(default).mask_epochs("factbook-other", "rand") == 1


def test_stages_start_where_they_say(encoder):
    plan = plan_of(encoder)
    general = "results/config/models/roberta-mini/general/seed-7"
    for stage, folder in (("short", general.replace("general", "initial")), ("long", general)):
        training = plan.pretraining("roberta-mini", 7, stage, "rand@control")
        assert training.start.folder == folder
        assert training.start.manifest == f"{folder}/manifest.json"
        # So does the arm without a policy.
        assert plan.checkpoint_of_arm("roberta-mini", 7, stage, "none") == training.start


def test_a_checkpoint_kept_on_the_way_lies_in_the_folder_of_the_last(encoder):
    encoder["general"]["stops"] = [500]
    encoder["intermediate"]["long"]["start"] = 500
    plan = plan_of(encoder)
    start = plan.pretraining("roberta-mini", 0, "long", "rand").start
    assert start.folder == "results/config/models/roberta-mini/general/seed-0/step-500"
    assert start.manifest == "results/config/models/roberta-mini/general/seed-0/manifest.json"
    kept = plan.checkpoint_of_arm("roberta-mini", "0", "long", "rand", "/step-20")
    assert kept.folder == "results/config/models/roberta-mini/long/rand/seed-0/step-20"
    assert kept.manifest == "results/config/models/roberta-mini/long/rand/seed-0/manifest.json"
    last = plan.checkpoint_of_arm("roberta-mini", "0", "long", "rand")
    assert (last.manifest, last.step) == (kept.manifest, None)


def test_a_pretraining_reads_the_masks_of_its_arm_and_the_shards_of_its_corpus(default):
    plan = plan_of(default)
    training = plan.pretraining("bart-mini", 0, "factbook", "ssm@control")
    masks = "results/config/masks/factbook/bpe-4k/ssm@control"
    assert training.masks == masks
    assert training.mask_manifests == [f"{masks}/manifest.json"]
    corpus = "results/config/corpora/factbook/bpe-4k"
    assert training.shards == corpus
    assert training.policy == plan.study.policies["ssm"]
    assert training.stage.steps == 1400


def test_masks_by_a_network_are_made_shard_by_shard_and_their_controls_all_in_one_job(default):
    plan = plan_of(default)
    masks = "results/config/masks/factbook/bpe-4k"
    made = {a: plan.mask_manifests("factbook", "bpe-4k", a) for a in ("meta", "meta@control")}
    assert made == {
        "meta": [f"{masks}/meta/shard-0.json", f"{masks}/meta/shard-1.json"],
        "meta@control": [f"{masks}/meta@control/manifest.json"],
    }


def test_what_a_policy_reads_of_its_corpus(default):
    default["policies"]["pmi"] = {"decide": {"kind": "pmi"}}
    plan = plan_of(default)
    corpus = "results/config/corpora/factbook/bpe-4k"
    read = {p: plan.annotations_read("factbook", "bpe-4k", p) for p in ("ssm", "rand")}
    annotations = [f"{corpus}/annotations/shard-{i}.json" for i in (0, 1)]
    assert read == {"ssm": annotations, "rand": []}
    counted = {p: plan.statistics_read("factbook", "bpe-4k", p) for p in ("pmi", "rand")}
    assert counted == {"pmi": [f"{corpus}/statistics/collocations.arrow"], "rand": []}


def test_the_general_stage_has_a_policy_of_its_own_and_starts_from_initial_weights(default):
    training = plan_of(default).pretraining("bart-mini", 0, "general", None)
    assert training.start.folder == "results/config/models/bart-mini/initial/seed-0"
    assert training.masks == "results/config/masks/factbook-other/bpe-4k/orig-infill-30"
    assert training.stage.steps == 700


def test_networks_and_analyses_start_from_the_first_seed(default, encoder):
    default["seeds"]["pretraining"] = [4, 2]
    plan = plan_of(default)
    start = plan.first_start(plan.study.networks["meta-qa"])
    assert start.folder == "results/config/models/bart-mini/general/seed-4"
    plan = plan_of(encoder)
    start = plan.first_start(plan.study.variance["arm"])
    assert start.folder == "results/config/models/roberta-mini/long/whole@control/seed-0"


def test_annotations_are_read_only_by_policies_that_need_them(default):
    plan = plan_of(default)
    folder = "results/config/corpora/factbook/bpe-4k/annotations"
    asked = ("factbook", "bpe-4k", "ssm", "1")
    assert plan.shard_annotations(*asked) == [f"{folder}/shard-1.arrow"]
    assert plan.shard_annotations(*asked, "json") == [f"{folder}/shard-1.json"]
    assert plan.shard_annotations("factbook", "bpe-4k", "rand", "1") == []


def test_shards_are_in_order(default):
    default["corpora"]["factbook"]["shards"] = 11
    folder = "results/config/corpora/factbook/bpe-4k"
    shards = plan_of(default).token_shards("factbook", "bpe-4k")
    assert shards == [f"{folder}/shard-{i}.json" for i in range(11)]


def test_a_tokenizer_is_trained_on_its_corpora(default):
    default["tokenizers"]["bart"] = {"pretrained": "facebook/bart-base"}
    plan = plan_of(default)
    assert plan.corpora_of("bpe-4k") == ("factbook", "factbook-other")
    assert plan.corpora_of("bart") == ()
    assert plan.tokenizer("bart-mini") == "results/config/tokenizers/bpe-4k"


def test_tasks_take_the_default_or_what_they_choose(default):
    default["finetuning"]["long"] = default["finetuning"]["default"] | {"steps": 900}
    default["generation"]["beams"] = {"beams": 4}
    default["tasks"]["long"] = default["tasks"]["factbook-qa"] | {
        "finetuning": "long",
        "generation": "beams",
    }
    default["tasks"]["reviews"] = {"examples": {"source": "movie-reviews"}}
    plan = plan_of(default)
    assert [plan.finetuning("bart-mini", task).steps for task in ("factbook-qa", "long")] == [
        150,
        900,
    ]
    assert [plan.generation(task).beams for task in ("factbook-qa", "long", "reviews")] == [1, 4, 1]


def test_contexts_are_looked_up_in_what_a_task_names(default):
    default["knowledge"] = {"pages.v1": {"path": "pages.json"}}
    kilt = {"source": "kilt", "train": "wow.jsonl"}
    default["tasks"]["wow"] = {"examples": kilt | {"knowledge": "pages.v1"}}
    default["tasks"]["closed"] = {"examples": kilt}
    plan = Plan(Study.load(default))
    assert plan.knowledge("wow") == ["results/config/knowledge/pages.v1.arrow"]
    assert plan.knowledge("wow", "json") == ["results/config/knowledge/pages.v1.json"]
    assert plan.knowledge("closed") == plan.knowledge("factbook-qa") == []


def test_what_is_not_said_of_fine_tuning_is_usual_for_the_family(default):
    del default["finetuning"]["default"]["target_length"]
    record = plan_of(default).finetuning("bart-mini", "factbook-qa")
    assert (record.target_length, record.betas, record.max_length) == (32, (0.9, 0.98), None)
    reviews = configuration("reviews")
    reviews["finetuning"]["default"] = {"epochs": 2, "max_length": 48}
    [model], [task] = reviews["models"], reviews["tasks"]
    record = plan_of(reviews).finetuning(model, task)
    assert (record.learning_rates, record.batch_size, record.warmup) == ((2e-5,), 64, 0.1)


def test_settings_are_searched_once_where_that_is_asked_for(default):
    def search(arm, seed):
        return plan_of(default).search("bart-mini", "factbook", arm, "factbook-qa", seed)

    folder = "results/config/runs/bart-mini/factbook"
    default["seeds"]["pretraining"] = [3, 4]
    assert search("rand", 4) == f"{folder}/rand/factbook-qa/pretraining-4/search.json"
    default["finetuning"]["default"]["search_on"] = "none"
    first = f"{folder}/none/factbook-qa/pretraining-3/search.json"
    asked = [search("rand", 3), search("rand", "4"), search("none", "4"), search("none", "3")]
    assert asked == [first] * 4


def test_settings_may_be_searched_on_another_model_in_another_stage(default):
    """On an arm that no table shows, which is planned."""
    default["models"]["other"] = default["models"]["bart-mini"]
    default["intermediate"]["longer"] = default["intermediate"]["factbook"] | {"mask_epochs": 64}
    table = default["tables"]["closed-book-qa"]
    table |= {"intermediate": "factbook", "arms": ["none", "ssm"]}
    assert Arm("rand", "other", "longer") not in planned_arms(Study.load(default))
    searched = {"arm": "rand", "model": "other", "stage": "longer"}
    default["finetuning"]["default"]["search_on"] = searched
    plan = plan_of(default)
    assert Arm("rand", "other", "longer") in plan.arms
    assert plan.mask_epochs("factbook", "rand") == 64
    folder = "results/config/runs/other/longer/rand/factbook-qa/pretraining-0"
    for run in (("bart-mini", "factbook", "none"), ("other", "longer", "rand")):
        assert plan.search(*run, "factbook-qa", 0) == f"{folder}/search.json"


def test_a_label_is_the_name_unless_another_is_given(default):
    default["policies"]["ssm"]["label"] = "salient spans"
    study = Study.load(default)
    arms = ("rand", "rand@control", "ssm", "ssm@control")
    labels = ["rand", "rand@control", "salient spans", "salient spans@control"]
    assert [label_of(study, arm) for arm in arms] == labels


@pytest.mark.parametrize(
    ("names", "matched"),
    [(["a", "b.c"], {"a", "b.c"}), (["a@control"], {"a@control"}), ([], set())],
)
def test_a_pattern_matches_its_names_and_nothing_else(names, matched):
    tried = ["a", "b.c", "bxc", "a@control", "", "ab"]
    assert {name for name in tried if re.fullmatch(any_of(names), name)} == matched


def test_results_of_another_study_lie_in_another_folder(default):
    plan = plan_of(default | {"name": "mine"})
    assert plan.tokenizer("bart-mini") == "results/mine/tokenizers/bpe-4k"
    assert plan.state("models", "bart-mini", "0") == "results/mine/states/models/bart-mini/0"


@pytest.mark.parametrize("section", ["finetuning", "generation"])
def test_a_task_run_by_hand_needs_what_it_chooses(default, section):
    """A task that no table shows may do without, as it may teach a network only."""
    default |= {section: {}, "tables": {}}
    plan = Plan(Study.load(default))
    chosen = {
        "finetuning": lambda: plan.finetuning("bart-mini", "factbook-qa"),
        "generation": lambda: plan.generation("factbook-qa"),
    }
    with pytest.raises(InputError, match=rf"^{section}\.default: this key is missing$"):
        chosen[section]()


def test_a_corpus_cut_into_another_number_of_shards_is_named(default, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = plan_of(default)
    assert plan.recut_corpora() == []
    folder = "results/config/corpora/factbook/bpe-4k"
    write_json(tmp_path / folder / "shard-0.json", {"shards": 2})
    assert plan.recut_corpora() == []
    write_json(tmp_path / folder / "shard-0.json", {"shards": 4})
    (problem,) = plan.recut_corpora()
    assert problem.startswith(f"corpora.factbook.shards: 2 in place of the 4 in {folder}: ")


def test_documents_that_two_corpora_read_are_fetched_once(default, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    facts = default["corpora"]["factbook"]
    default["corpora"]["longer"] = facts | {"sequence_length": 48, "rows": "passages"}
    default["corpora"]["fewer"] = facts | {"limit": 100}
    plan = Plan(Study.load(default))
    corpora = ("factbook", "longer", "fewer", "factbook-other")
    folders = [plan.documents(corpus) for corpus in corpora]
    of = ("factbook", "factbook", "fewer", "factbook-other")
    assert folders == [f"{plan.study.results}/corpora/{corpus}/documents" for corpus in of]
    # Once they are there, the order of the configuration is no matter.
    write_json(tmp_path / f"{plan.study.results}/corpora/longer/documents.json", {})
    assert [plan.documents(corpus).split("/")[-2] for corpus in corpora[:2]] == ["longer"] * 2
