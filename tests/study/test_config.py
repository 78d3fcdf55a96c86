"""The configuration: what is accepted, and that every mistake is named by its key."""

import copy
from pathlib import Path

import pytest
import yaml

from maskpolicy.corruption.objective import Objective
from maskpolicy.study.config import ConfigError, Study

ROOT = Path(__file__).parents[2]


@pytest.fixture
def default() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def set_key(config: dict, path: str, value: object) -> dict:
    changed = copy.deepcopy(config)
    *parents, last = path.split("/")
    record = changed
    for part in parents:
        record = record[part]
    record[last] = value
    return changed


def test_the_default_study_is_valid(default):
    study = Study.load(default)
    assert study.policy("ssm@control") is study.policies["ssm"]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "policies/rand/decide/rate",
            1.5,
            "policies.rand.decide.rate: Input should be less than 1",
        ),
        ("policies/rand/decide/rate", 0.0, "policies.rand.decide.rate: Input should be greater"),
        ("policies/rand/decide/rte", 0.2, "policies.rand.decide.rte: unknown key"),
        ("policies/rand/decide/kind", "rnd", "policies.rand.decide"),
        ("intermediate/factbook/steps", "many", "intermediate.factbook.steps"),
        ("intermediate/factbook/stepz", 5, "intermediate.factbook.stepz: unknown key"),
        (
            "intermediate/factbook/corpus",
            "wiki",
            "intermediate.factbook.corpus: unknown name 'wiki'",
        ),
        ("tasks/factbook-qa/corpus", "wiki", "tasks.factbook-qa.corpus: unknown name 'wiki'"),
        ("tasks/factbook-qa/metrics", ["bleu"], "tasks.factbook-qa.metrics.0"),
        ("tasks/factbook-qa/metrics", ["macro_f1"], "tasks.factbook-qa.metrics.0: Input should be"),
        (
            "tables/closed-book-qa/paper",
            {"smm": {}},
            "tables.closed-book-qa.paper.smm: this is no arm of the table",
        ),
        (
            "tables/closed-book-qa/paper",
            {"ssm": {"qa": {"exact_match": [24.8, 0.06]}}},
            "tables.closed-book-qa.paper.ssm.qa: this is no task of the table",
        ),
        (
            "tables/closed-book-qa/paper",
            {"ssm": {"factbook-qa": {"accuracy": [24.8, 0.06]}}},
            "paper.ssm.factbook-qa: 'accuracy' is none of the metrics of 'factbook-qa'",
        ),
        ("tasks/factbook-qa/test", 0.95, "tasks.factbook-qa: `dev` and `test` leave nothing"),
        ("tables/closed-book-qa/arms", ["none", "smm"], "tables.closed-book-qa.arms: unknown name"),
        ("tables/closed-book-qa/tasks", ["qa"], "tables.closed-book-qa.tasks: unknown name 'qa'"),
        ("models/bart-mini/tokenizer", "t5", "models.bart-mini.tokenizer: unknown name 't5'"),
        (
            "models/bart-mini/pretrained",
            "x/y",
            "give exactly one of `architecture` and `pretrained`",
        ),
        ("intermediate/factbook/stops", [800, 400], "`stops` are steps before the last, in"),
        ("intermediate/factbook/stops", [1400], "`stops` are steps before the last, in"),
        ("intermediate/factbook/start", 300, "start: 300 is none of the `stops` of `general`"),
        ("learned/meta-qa/start", 300, "learned.meta-qa.start: 300 is none of the `stops`"),
        ("intermediate/general", {}, "intermediate.general"),
        ("tables/closed-book-qa/intermediate", "wiki", "intermediate: unknown name 'wiki'"),
        ("policies/rand/copies", 3, "batch_size: 64 is no multiple of the 3 `copies`"),
        ("finetuning", {"epochs": 3}, "finetuning: 'bart-mini' of table 'closed-book-qa' is of"),
        (
            "tasks/factbook-qa",
            {"examples": {"source": "movie-reviews"}},
            "tables.closed-book-qa.tasks: 'factbook-qa' is no question answering",
        ),
        ("seeds/finetuning", [0], "seeds.finetuning"),
        ("polices", {}, "polices: unknown key"),
        (
            "policies/rand/objective",
            {"source": "token", "target": "in-place"},
            "policies.rand.objective: `target: in-place` is for encoder models",
        ),
        (
            "policies/ssm/objective",
            {"source": "sentinel", "target": "sentinel"},
            "policies.ssm.objective: `source: sentinel` needs T5's sentinels, which 'bpe-4k'",
        ),
        (
            "policies/orig-infill-30/objective",
            {"source": "sentinel", "target": "full"},
            "policies.orig-infill-30.objective: `source: sentinel` needs T5's sentinels",
        ),
        (
            "policies/rand/objective",
            {"source": "sentinel", "target": "masked"},
            "policies.rand.objective: `source: sentinel` needs `target: sentinel`",
        ),
    ],
)
def test_a_mistake_is_named_by_its_key(default, path, value, message):
    with pytest.raises(ConfigError) as error:
        Study.load(set_key(default, path, value))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("family", "record", "inserts", "message"),
    [
        ("seq2seq", {"source": "sentinel", "target": "sentinel"}, True, None),
        ("seq2seq", {"source": "token", "target": "separated"}, True, None),
        ("encoder", {"source": "token", "target": "in-place", "keep": 0.1}, False, None),
        ("encoder", {"source": "token", "target": "in-place"}, True, "the policy inserts masks"),
        ("encoder", {"target": "full"}, False, "`target: full` is impossible"),
        ("seq2seq", {"source": "token", "target": "in-place"}, False, "is for encoder models"),
    ],
)
def test_which_objective_trains_which_model(family, record, inserts, message):
    problem = Objective(**record).incompatibility(family, inserts)
    assert problem is None if message is None else message in problem


def test_a_pretrained_tokenizer_may_have_sentinels(default):
    default["tokenizers"]["bpe-4k"] = {"pretrained": "t5-small"}
    default["policies"]["rand"]["objective"] = {"source": "sentinel", "target": "sentinel"}
    assert Study.load(default).policies["rand"].objective.source == "sentinel"


def test_a_missing_key_is_named(default):
    del default["tokenizers"]["bpe-4k"]["vocabulary_size"]
    with pytest.raises(
        ConfigError, match=r"^tokenizers\.bpe-4k\.vocabulary_size: this key is missing$"
    ):
        Study.load(default)


def test_every_mistake_is_reported_at_once(default):
    broken = set_key(default, "intermediate/factbook/steps", 0)
    broken = set_key(broken, "finetuning/steps", -1)
    with pytest.raises(ConfigError) as error:
        Study.load(broken)
    assert "intermediate.factbook.steps" in str(error.value)
    assert "finetuning.steps" in str(error.value)


def test_files_that_are_not_there_are_named_by_their_keys(default, tmp_path):
    (tmp_path / "here.jsonl").touch()
    default["corpora"]["factbook"]["documents"] = {"source": "text", "path": "no.txt"}
    default["tasks"]["mine"] = {
        "examples": {"source": "labelled", "train": f"{tmp_path}/here.jsonl", "test": "gone.jsonl"}
    }
    assert Study.load(default).missing_files() == [
        "corpora.factbook.documents.path: no file or folder 'no.txt'",
        "tasks.mine.examples.test: no file or folder 'gone.jsonl'",
    ]


def test_a_stage_is_left_out_only_where_there_is_no_choice(default):
    default["intermediate"]["longer"] = default["intermediate"]["factbook"] | {"steps": 9000}
    with pytest.raises(ConfigError, match=r"tables\.closed-book-qa\.intermediate: this key is"):
        Study.load(default)
    default["tables"]["closed-book-qa"]["intermediate"] = "longer"
    study = Study.load(default)
    assert study.stage_of(study.tables["closed-book-qa"]) == "longer"


def test_copies_are_the_whole_group_of_masks(default):
    explored = {"kind": "fully-explored", "rate": 0.2, "masks": 4}
    default["policies"]["explored"] = {"decide": explored, "copies": 2}
    with pytest.raises(ConfigError, match="`copies: 2` cuts the groups of `masks: 4`"):
        Study.load(default)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("model", "bert", r"variance\.before-training\.model: unknown name 'bert'"),
        ("model", "bart-mini", r"variance\.before-training\.model: 'bart-mini' is no encoder"),
        ("corpus", "wiki", r"variance\.before-training\.corpus: unknown name 'wiki'"),
        ("start", 7, r"variance\.before-training\.start: 7 is none of the `stops` of `general`"),
        ("length", 129, r"variance\.before-training\.length: 129 tokens are more than the 128"),
        ("masked", 13, r"variance\.before-training: `masks`: 8 masks of 13 tokens"),
    ],
)
def test_an_analysis_of_gradients_fits_the_study(default, key, value, message):
    study = yaml.safe_load((ROOT / "workflow" / "studies" / "variance.yaml").read_text())
    study["models"]["bart-mini"] = default["models"]["bart-mini"]
    study["tokenizers"]["bpe-4k"] = {"train_on": ["factbook-long"], "vocabulary_size": 4000}
    assert Study.load(study).variance["before-training"].start == "initial"
    with pytest.raises(ConfigError, match=message):
        Study.load(set_key(study, f"variance/before-training/{key}", value))


@pytest.mark.parametrize(
    ("start", "messages"),
    [
        ({"stage": "continued", "policy": "rand"}, []),
        ({"stage": "continued", "policy": "rand@control"}, []),
        (
            {"stage": "contined", "policy": "none"},
            ["stage: unknown name 'contined'; known: continued", "policy: unknown name 'none'"],
        ),
        ({"stage": "continued"}, ["policy: this key is missing"]),
    ],
)
def test_an_analysis_may_be_of_what_an_arm_has_become(start, messages):
    study = yaml.safe_load((ROOT / "workflow" / "studies" / "variance.yaml").read_text())
    stage = {key: value for key, value in study["general"].items() if key != "policy"}
    study["intermediate"] = {"continued": stage}
    study["variance"]["before-training"]["start"] = start
    if not messages:
        loaded = Study.load(study)
        analysis = loaded.variance["before-training"]
        assert loaded.start_of(analysis).model_dump() == start
        assert type(analysis).model_validate_json(analysis.model_dump_json()) == analysis
        return
    with pytest.raises(ConfigError) as error:
        Study.load(study)
    lines = str(error.value).splitlines()
    assert len(lines) == len(messages)
    for line, message in zip(lines, messages, strict=True):
        assert line.startswith(f"variance.before-training.start.{message}")


def test_an_analysed_arm_is_one_that_can_be_trained():
    study = yaml.safe_load((ROOT / "workflow" / "studies" / "variance.yaml").read_text())
    stage = {key: value for key, value in study["general"].items() if key != "policy"}
    study["intermediate"] = {"continued": stage}
    infill = {"decide": {"kind": "orig-infill"}, "objective": {"target": "full"}}
    study["policies"]["infill"] = infill
    study["variance"]["before-training"]["start"] = {"stage": "continued", "policy": "infill"}
    with pytest.raises(ConfigError, match=r"policies\.infill\.objective: an encoder predicts"):
        Study.load(study)


SIMILARITY = {
    "examples": {
        "source": "tsv",
        "train": "train.tsv",
        "text_column": "sentence1",
        "pair_column": "sentence2",
        "label_column": "score",
    },
    "regression": True,
    "metrics": ["pearson", "spearman"],
}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("metrics", ["pearson", "accuracy"], "'accuracy' can't score a regression, which pearson"),
        ("metrics", ["mcc"], "'mcc' can't score a regression"),
        ("metrics", ["exact_match"], r"metrics\.0: Input should be"),
        ("regression", False, "'pearson' can't score labels, which accuracy, macro_f1"),
    ],
)
def test_metrics_score_what_a_classification_predicts(default, key, value, message):
    default["tasks"]["similarity"] = SIMILARITY
    assert Study.load(default).tasks["similarity"].metrics == ("pearson", "spearman")
    default["tasks"]["similarity"] = SIMILARITY | {key: value}
    with pytest.raises(ConfigError, match=rf"tasks\.similarity.*{message}"):
        Study.load(default)


ENCODER = {"family": "encoder", "tokenizer": "bpe-4k", "architecture": {}}
SENTIMENT = {"examples": {"source": "movie-reviews"}}


@pytest.mark.parametrize(
    ("network", "messages"),
    [
        ({"method": "meta", "model": "bart-mini", "task": "factbook-qa"}, []),
        ({"method": "selective", "model": "bert-mini", "task": "sentiment"}, []),
        (
            {"method": "meta", "model": "bert-mini", "task": "sentiment"},
            [
                "learned.own.model: meta policies need a sequence-to-sequence model",
                "learned.own.task: meta policies need questions with contexts",
            ],
        ),
        (
            {"method": "supervised", "model": "bert-mini", "task": "factbook-qa"},
            ["learned.own.model: supervised policies need a sequence-to-sequence model"],
        ),
        (
            {"method": "supervised", "model": "bart-mini", "task": "similarity"},
            ["learned.own.task: supervised policies need questions with contexts"],
        ),
        (
            {"method": "supervised", "model": "bart-mini", "task": "sentiment"},
            ["learned.own.task: supervised policies need questions with contexts"],
        ),
        (
            {"method": "selective", "model": "bart-mini", "task": "factbook-qa"},
            [
                "learned.own.model: selective policies need an encoder",
                "learned.own.task: selective policies need a classification task",
            ],
        ),
        (
            {"method": "selective", "model": "bert-mini", "task": "similarity"},
            ["learned.own.task: selective policies need a classification task"],
        ),
    ],
)
def test_a_network_learns_from_a_task_and_model_of_its_kind(default, network, messages):
    del default["general"]  # whose objective is none for encoders
    default["models"]["bert-mini"] = ENCODER
    default["tasks"] |= {"sentiment": SENTIMENT, "similarity": SIMILARITY}
    default["learned"]["own"] = network
    if not messages:
        assert Study.load(default).learned["own"].method == network["method"]
        return
    with pytest.raises(ConfigError) as error:
        Study.load(default)
    assert str(error.value).splitlines() == messages


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (3, "tasks.similarity.examples: columns are all names of a header, or all numbers"),
        (-1, "tasks.similarity.examples.text_column: Input should be greater than or equal to 0"),
    ],
)
def test_columns_are_names_or_numbers(default, column, message):
    examples = SIMILARITY["examples"] | {"text_column": column}
    default["tasks"]["similarity"] = SIMILARITY | {"examples": examples}
    with pytest.raises(ConfigError) as error:
        Study.load(default)
    assert message in str(error.value)


def test_the_name_none_is_taken(default):
    default["policies"]["none"] = default["policies"]["rand"]
    with pytest.raises(ConfigError, match=r"policies\.none"):
        Study.load(default)


def test_a_network_knows_the_tokens_that_its_policy_masks(default):
    """Two vocabularies of one size would otherwise mask tokens of the same numbers."""
    changed = set_key(default, "tokenizers/other", default["tokenizers"]["bpe-4k"])
    changed = set_key(changed, "models/other", default["models"]["bart-mini"])
    changed = set_key(changed, "models/other/tokenizer", "other")
    changed = set_key(changed, "tables/closed-book-qa/model", "other")
    with pytest.raises(ConfigError) as caught:
        Study.load(changed)
    assert (
        "policies.meta.decide.network: 'meta-qa' knows the tokens of 'bpe-4k', but 'other' reads"
        " those of 'other'" in str(caught.value)
    )


def test_a_network_that_the_general_stage_masks_with_starts_before_it(default):
    changed = set_key(default, "general/policy", "meta")
    with pytest.raises(ConfigError, match=r"learned\.meta-qa\.start: the general stage masks"):
        Study.load(changed)
    Study.load(set_key(changed, "learned/meta-qa/start", "initial"))


@pytest.mark.parametrize(
    ("study", "path", "value", "message"),
    [
        ("config", "corpora/factbook/sequence_length", 255, "257 tokens, which are more than"),
        ("config", "finetuning/target_length", 300, "finetuning.target_length: with special"),
        (
            "reviews",
            "corpora/{corpus}/sequence_length",
            63,
            "65 tokens, which are more than the 64",
        ),
        ("reviews", "finetuning/max_length", 65, "finetuning.max_length: with special tokens 65"),
        ("reviews", "learned/{network}/selector/max_length", 65, ".selector.max_length: with"),
        ("variance", "variance/{analysis}/length", 127, ".length: with special tokens 129"),
    ],
)
def test_sequences_fit_into_their_model(study, path, value, message):
    file = "config.yaml" if study == "config" else f"workflow/studies/{study}.yaml"
    default = yaml.safe_load((ROOT / file).read_text())
    names = {"corpus": "corpora", "network": "learned", "analysis": "variance"}
    first = {key: next(iter(default.get(section, [""]))) for key, section in names.items()}
    if study == "variance":
        default["models"]["roberta-mini"]["architecture"]["max_positions"] = 128
    with pytest.raises(ConfigError) as caught:
        Study.load(set_key(default, path.format(**first), value))
    assert message in str(caught.value)
