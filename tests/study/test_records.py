"""The records of a study, each by itself."""

import pytest
from support.configurations import SIMILARITY

from maskpolicy.corruption.objective import Objective
from maskpolicy.study.loading import ConfigError, Study
from maskpolicy.study.records import MANY_FILES


def test_the_default_study_is_valid(default):
    study = Study.load(default)
    assert study.policy("ssm@control") is study.policies["ssm"]


def test_files_that_are_not_there_are_named_by_their_keys(default, tmp_path):
    (tmp_path / "here.jsonl").touch()
    default["corpora"]["factbook"]["documents"] = {"source": "text", "path": "no.txt"}
    default["tasks"]["mine"] = {
        "examples": {
            "source": "own-labels",
            "train": f"{tmp_path}/here.jsonl",
            "test": "gone.jsonl",
        }
    }
    assert Study.load(default).missing_files() == [
        "corpora.factbook.documents.path: no file or folder 'no.txt'",
        "tasks.mine.examples.test: no file or folder 'gone.jsonl'",
    ]


def test_a_knowledge_source_is_a_file(default):
    default["knowledge"] = {"kilt": {"path": "no.json"}}
    assert Study.load(default).missing_files() == [
        "knowledge.kilt.path: no file or folder 'no.json'"
    ]
    default["knowledge"] = {"kilt": {"path": "pages.json.gz"}}
    with pytest.raises(
        ConfigError, match=r"knowledge\.kilt\.path: decompress it, .*, not 'pages.json.gz'"
    ):
        Study.load(default)


def test_an_empty_path_is_no_file(default):
    default["corpora"]["factbook"]["documents"] = {"source": "text", "path": ""}
    assert Study.load(default).missing_files() == [
        "corpora.factbook.documents.path: no file or folder ''"
    ]


def test_a_pilot_may_have_one_run(default):
    default["seeds"]["finetuning"] = [7]
    assert Study.load(default).seeds.finetuning == (7,)


def test_the_files_that_a_record_reads_are_those_that_are_there(default, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "rt/rt-polarity.pos",
        "rt/.hidden",
        "rt/{x}",
        "rt/deeper/file",
        "bart/config.json",
        "bart/model.safetensors",
        "t.tsv",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    default["tasks"]["mr"] = {"examples": {"source": "rt-polarity", "folder": "rt"}}
    default["tasks"]["mr.other"] = {
        "examples": {"source": "own-labels", "train": "t.tsv", "test": "gone.tsv"}
    }
    weights = {"tokenizer": "bpe-4k", "pretrained": "./bart"}
    default["models"]["own"] = weights
    default["models"]["hub"] = weights | {"pretrained": "facebook/bart-base"}
    study = Study.load(default)
    assert study.files_read("tasks", "mr") == ["rt/rt-polarity.pos"]
    assert study.files_read("tasks", "mr.other") == ["t.tsv"]
    assert study.files_read("models", "own") == ["bart/config.json", "bart/model.safetensors"]
    assert study.files_read("models", "hub") == []
    assert study.files_read("corpora", "factbook") == []
    for number in range(MANY_FILES):
        (tmp_path / f"rt/{number}.story").touch()
    assert study.files_read("tasks", "mr") == ["rt"]


def test_copies_are_the_whole_group_of_masks(default):
    explored = {"kind": "fully-explored", "rate": 0.2, "masks": 4}
    default["policies"]["explored"] = {"decide": explored, "copies": 2}
    with pytest.raises(ConfigError, match="`copies: 2` cuts the groups of `masks: 4`"):
        Study.load(default)


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
    unscored = {k: v for k, v in SIMILARITY.items() if k != "metrics"}
    default["tasks"]["similarity"] = unscored
    assert Study.load(default).tasks["similarity"].metrics == ("pearson",)
    default["tasks"]["similarity"] = SIMILARITY | {key: value}
    with pytest.raises(ConfigError, match=rf"tasks\.similarity.*{message}"):
        Study.load(default)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (3, "tasks.similarity.examples: columns are all names of a header, or all numbers"),
        (
            -1,
            "tasks.similarity.examples.text_column: Input should be a valid string or greater than"
            " or equal to 0, not -1",
        ),
    ],
)
def test_columns_are_names_or_numbers(default, column, message):
    examples = SIMILARITY["examples"] | {"text_column": column}
    default["tasks"]["similarity"] = SIMILARITY | {"examples": examples}
    with pytest.raises(ConfigError) as error:
        Study.load(default)
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


@pytest.mark.parametrize(
    ("analysis", "message"),
    [
        ({"share": 0.0}, r"mask_analysis\.share: Input should be greater than 0"),
        ({"share": 1.5}, r"mask_analysis\.share: Input should be less than or equal to 1"),
        ({"rows": 0}, r"mask_analysis\.rows: "),
        ({"part": 0.1}, r"mask_analysis\.part: unknown key"),
    ],
)
def test_a_share_of_masks_that_can_not_be_is_named(default, analysis, message):
    default["tables"]["closed-book-qa"]["mask_analysis"] = analysis
    with pytest.raises(ConfigError, match=rf"^tables\.closed-book-qa\.{message}"):
        Study.load(default)


def test_masks_are_not_analysed_where_there_are_none(default):
    default["tables"]["closed-book-qa"] |= {"arms": ["none"]}
    with pytest.raises(ConfigError, match=r"^tables\.closed-book-qa: `mask_analysis`: none of"):
        Study.load(default)
