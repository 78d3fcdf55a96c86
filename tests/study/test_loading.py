"""Reading a configuration: every mistake is named by its key."""

import json
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from support.configurations import ROOT, set_key

from maskpolicy.sources.registry import SOURCES, find_record
from maskpolicy.study.loading import (
    STUDY_FILE,
    ConfigError,
    Study,
    StudyFiles,
    load_study,
    read_configuration,
    with_name,
)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "policies/rand/decide/rate",
            1.5,
            "policies.rand.decide.rate: Input should be less than 1",
        ),
        ("policies/rand/decide/rate", 0.0, "policies.rand.decide.rate: Input should be greater"),
        ("policies/rand/decide/kind", "rnd", "policies.rand.decide"),
        ("intermediate/factbook/steps", "many", "intermediate.factbook.steps"),
        ("intermediate/factbook/stepz", 5, "intermediate.factbook.stepz: unknown key"),
        ("tasks/factbook-qa/metrics", ["bleu"], "tasks.factbook-qa.metrics.0"),
        ("tasks/factbook-qa/metrics", ["macro_f1"], "tasks.factbook-qa.metrics.0: Input should be"),
        ("tasks/factbook-qa/test", 0.95, "tasks.factbook-qa: `dev` and `test` leave nothing"),
        ("tasks/factbook-qa/dev", 1.5, "tasks.factbook-qa.dev: a share between 0 and 1 is"),
        ("tasks/factbook-qa/dev", 0, "tasks.factbook-qa.dev: a share between 0 and 1 is"),
        ("tasks/factbook-qa/test", -3, "tasks.factbook-qa.test: a share between 0 and 1 is"),
        (
            "tasks/factbook-qa",
            {"examples": {"source": "factbook"}, "dev_as_test": True, "test": 0},
            "tasks.factbook-qa: `dev_as_test` makes a test split, and `test: 0` wants none",
        ),
        (
            "tasks/factbook-qa",
            {"examples": {"source": "nq-open", "train": "a"}, "dev_as_test": True},
            "tasks.factbook-qa: `dev_as_test`: `examples` names no `dev` to be the test split",
        ),
        (
            "tasks/factbook-qa",
            {"examples": {"source": "nq-open", "train": "a", "test": "b"}, "test": 0},
            "tasks.factbook-qa: `test: 0` wants no test split, and `examples` names a `test`",
        ),
        ("corpora/factbook/limit", {"share": 3}, "corpora.factbook.limit.share: Input should be"),
        ("tasks/factbook-qa/deal", "sorted", "tasks.factbook-qa.deal: Input should be 'hashed' or"),
        (
            "models/bart-mini/pretrained",
            "x/y",
            "give exactly one of `architecture` and `pretrained`",
        ),
        ("intermediate/factbook/stops", [800, 400], "`stops` are steps before the last, in"),
        ("intermediate/factbook/stops", [1400], "`stops` are steps before the last, in"),
        ("seeds/finetuning", [], "seeds.finetuning: Input should have at least 1 item, not 0"),
        ("seeds/masking", 10**20, "seeds.masking: Input should be less than"),
        (
            "general/learning_rate",
            "1e-4",
            "general.learning_rate: YAML reads 1e-4 as text; write 1.0e-4",
        ),
        ("general/learning_rate", "1.5E3", "YAML reads 1.5E3 as text; write 1.5e+3"),
        ("general/learning_rate", float("inf"), "general.learning_rate: Input should be a finite"),
        (
            "finetuning/default/learning_rates",
            ["1e-4"],
            "default.learning_rates.0: YAML reads 1e-4",
        ),
        (
            "models/bart-mini/architecture/attention_heads",
            3,
            "models.bart-mini.architecture: `d_model` is not a multiple of `attention_heads`",
        ),
        ("models/bart-mini", None, "models.bart-mini: Input should be an object, not None"),
        ("models/bart-mini/family", "bart", "models.bart-mini: `family` is one of seq2seq, enc"),
        ("models/bart-mini/family", [], "models.bart-mini: `family` is one of seq2seq, encoder"),
        ("finetuning/default", 3, "finetuning.default: Input should be an object, not 3"),
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


def test_a_missing_key_is_named(default):
    del default["tokenizers"]["bpe-4k"]["vocabulary_size"]
    with pytest.raises(
        ConfigError, match=r"^tokenizers\.bpe-4k\.vocabulary_size: this key is missing$"
    ):
        Study.load(default)


def test_every_mistake_is_reported_at_once(default):
    broken = set_key(default, "intermediate/factbook/steps", 0)
    broken = set_key(broken, "finetuning/default/steps", -1)
    with pytest.raises(ConfigError) as error:
        Study.load(broken)
    assert "intermediate.factbook.steps" in str(error.value)
    assert "finetuning.default.steps" in str(error.value)


def test_reading_and_planning_a_study_imports_nothing_heavy():
    """Snakemake itself imports some of these, so our own modules are looked at alone."""
    heavy = {"torch", "transformers", "spacy", "numba", "pandas", "numpy", "pyarrow", "matplotlib"}
    check = (
        "import sys, maskpolicy.study.loading, maskpolicy.study.tables;"
        f"assert not set(sys.modules) & {heavy}"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


def message_of(config: dict) -> str:
    with pytest.raises(ConfigError) as error:
        Study.load(config)
    return str(error.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("polices", {}, "polices: unknown key; did you mean 'policies'?"),
        ("general/batch-size", 3, "general.batch-size: unknown key; did you mean 'batch_size'?"),
        ("general/nonsense", 3, "general.nonsense: unknown key"),
        (
            "policies/rand/decide",
            {
                "kind": "mixture",
                "components": [{"weight": 1, "policy": {"kind": "ssm", "span": "one"}}],
            },
            "policies.rand.decide.components.0.policy.span: unknown key; did you mean 'spans'?",
        ),
        (
            "networks/meta-qa/step",
            3,
            "networks.meta-qa.step: unknown key; did you mean 'steps'?",
        ),
        (
            # It is a key of other networks.
            "networks/meta-qa/epochz",
            3,
            "networks.meta-qa.epochz: unknown key",
        ),
        (
            "corpora/factbook/documents",
            {"source": "text", "pat": "a.txt"},
            "corpora.factbook.documents.pat: unknown key; did you mean 'path'?",
        ),
        (
            "corpora/factbook/documents/source",
            "factbok",
            "corpora.factbook.documents.source: the sources of documents are "
            + ", ".join(name for name in SOURCES if find_record(name, "Documents"))
            + ", not 'factbok'; did you mean 'factbook'?",
        ),
        *(
            (
                "tasks/factbook-qa/examples/source",
                written,
                "tasks.factbook-qa.examples.source: the sources of seq2seq examples or labelled"
                " examples are "
                + ", ".join(
                    name
                    for name in SOURCES
                    if find_record(name, "Seq2SeqExamples") or find_record(name, "LabelledExamples")
                )
                + f", not {written!r}; `source: tsv` reads the release 'glue-sst2'",
            )
            for written in ("glue-sst2", "GLUE_SST-2")
        ),
        (
            "policies/rand/objective",
            {"source": "sentinal"},
            "policies.rand.objective.source: Input should be 'span', 'token' or 'sentinel', not"
            " 'sentinal'; did you mean 'sentinel'?",
        ),
        (
            "networks/meta-qa/method",
            "metta",
            "networks.meta-qa.method: Input should be 'supervised', 'meta', 'selective', not"
            " 'metta'; did you mean 'meta'?",
        ),
        (
            "intermediate/factbook/start",
            "intial",
            "intermediate.factbook.start: Input should be 'initial' or 'general' or a valid"
            " integer, not 'intial'; did you mean 'initial'?",
        ),
    ],
)
def test_who_misspells_is_told_what_may_have_been_meant(default, path, value, message):
    default["policies"]["rand"]["decide"] = {"kind": "rand"}
    assert message in message_of(set_key(default, path, value)).splitlines()


def test_an_unknown_policy_is_told_what_may_have_been_meant(default):
    told = message_of(set_key(default, "policies/rand/decide/kind", "rands"))
    assert told.startswith("policies.rand.decide.kind: unknown policy 'rands'; known: fully-exp")
    assert told.endswith("; did you mean 'rand'?")


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (
            "policies/rand/decide",
            {"rate": 0.1},
            "policies.rand.decide.kind: this key is missing; one of: fully-explored, ",
        ),
        (
            "networks/meta-qa",
            {"model": "bart-mini"},
            "networks.meta-qa.method: this key is missing; one of: supervised, meta, selective",
        ),
        (
            "policies/rand/decide",
            {"kind": "span", "lengths": {"p": 0.2}},
            "policies.rand.decide.lengths.distribution: this key is missing; one of: geometric",
        ),
        (
            "tasks/other",
            {"examples": {"source": "semeval14", "train": "a.xml"}},
            "tasks.other.examples.aspects: this key is missing; one of: categories, terms",
        ),
        (
            "corpora/factbook/documents",
            {},
            "corpora.factbook.documents.source: this key is missing; one of: ",
        ),
        (
            "tasks/factbook-qa/examples",
            {"path": "a"},
            "tasks.factbook-qa.examples.source: this key is missing; one of: ",
        ),
        # One mistake is one line.
        (
            "tasks/other",
            {"examples": {"source": "own-labels", "trian": "a.jsonl"}},
            "tasks.other.examples.trian: unknown key; did you mean 'train'?",
        ),
        (
            "tables/closed-book-qa/arms",
            [None],
            "tables.closed-book-qa.arms.0: Input should be a valid string, not None",
        ),
        (
            "seeds/pretraining",
            ["0-3"],
            "seeds.pretraining.0: Input should be a valid integer, not '0-3'",
        ),
        ("seeds/pretraining", 0, "seeds.pretraining: Input should be a list: write [0]"),
        ("general/betas", [0.9], "general.betas.1: this item is missing"),
        (
            "finetuning/default",
            {"epocs": 3, "batch_size": 8},
            "finetuning.default.epocs: unknown key; did you mean 'epochs'?",
        ),
        (
            "finetuning/default",
            {"batch_size": 8},
            "finetuning.default: give either `epochs` or `steps`",
        ),
        ("finetuning/default/epochs", 3, "finetuning.default: give either `epochs` or `steps`"),
        ("finetuning/default/steps", [], "finetuning.default: `steps`: there is none"),
        (
            "finetuning/default/validate_every",
            151,
            "finetuning.default: `validate_every`: 151 are more than all 150",
        ),
        (
            "finetuning/default/patience",
            2,
            "finetuning.default: `patience` counts validations: with `steps` give",
        ),
        (
            "finetuning/default/batch_sizes",
            [8, 16],
            "finetuning.default: `batch_size`: give one of the `batch_sizes`",
        ),
        (
            "finetuning/default/warmup",
            151,
            "finetuning.default: `warmup`: 151 updates are more than the 150 `steps`",
        ),
        (
            "finetuning/default/warmup",
            1.5,
            "finetuning.default.warmup: Input should be a share of at most",
        ),
        ("finetuning/default/dropout", 1.0, "finetuning.default.dropout: Input should be less"),
        (
            "finetuning/default/examples_at_once",
            0,
            "finetuning.default.examples_at_once: Input should be greater",
        ),
        (
            "finetuning/default",
            {"steps": 5, "batch_size": 8, "learning_rates": [0.001], "search_on": "none"},
            "finetuning.default: `search_on`: there is one setting only, and nothing to search",
        ),
        (
            "generation/default/min_length",
            21,
            "generation.default: `min_length`: 21 are more than the 20 of",
        ),
        (
            "generation/default/early_stopping",
            True,
            "generation.default: `early_stopping` is for several `beams`",
        ),
        (
            "generation/default/no_repeat_ngrams",
            1,
            "generation.default.no_repeat_ngrams: Input should be greater",
        ),
        # Of a union, the member that was meant.
        (
            "tasks/factbook-qa/examples",
            {"source": "own-pairs"},
            "tasks.factbook-qa.examples.train: this key is missing",
        ),
        ("tasks/factbook-qa/regression", True, "tasks.factbook-qa.regression: unknown key"),
        (
            "tasks/factbook-qa",
            {
                "examples": {"source": "own-pair"},
                "generation": "default",
                "metrics": ["exact_match"],
            },
            "tasks.factbook-qa.examples.source: the sources of seq2seq examples or labelled",
        ),
        ("tokenizers/bpe-4k", None, "tokenizers.bpe-4k: Input should be an object, not None"),
        ("corpora/factbook", [], "corpora.factbook: Input should be an object, not []"),
        ("seeds", None, "seeds: Input should be an object, not None"),
        (
            "general/steps",
            10**30,
            "general.steps: Input should be less than or equal to 1000000000,",
        ),
        ("general/steps", 10**400, "general.steps: a number of more than 300 digits"),
        # What YAML makes of a text without quotes.
        (
            "tables/closed-book-qa/caption",
            date(2020, 1, 2),
            "tables.closed-book-qa.caption: YAML reads this as date 2020-01-02;",
        ),
        (
            "tables/closed-book-qa/caption",
            "\ud800",
            "tables.closed-book-qa.caption: '\\ud800' holds half a",
        ),
        ("policies/rand/decide/rate", "1" * 500, "policies.rand.decide.rate: YAML reads"),
    ],
)
def test_one_mistake_is_one_line(default, path, value, line):
    told = message_of(set_key(default, path, value)).splitlines()
    assert len(told) == 1
    assert told[0].startswith(line)
    assert len(told[0]) < 400


@pytest.mark.parametrize("name", [3, None, False, 1.5])
def test_names_are_text(default, name):
    """YAML reads `3:` as a number and `no:` as false."""
    default["corpora"][name] = default["corpora"]["factbook"]
    assert message_of(default).startswith(f"corpora.{name}: YAML reads this key as ")


def test_a_number_that_python_does_not_print_is_refused(default):
    changed = set_key(default, "general/steps", 10**5000)
    assert message_of(changed) == "general.steps: a number of more than 300 digits"


def test_what_refers_to_itself_is_refused(default):
    default["corpora"]["again"] = default["corpora"]
    assert message_of(default) == "corpora.again: refers to what it is a part of"
    nested: list = []
    for _ in range(100_000):
        nested = [nested]
    assert ": nested more than 100 levels deep" in message_of(default | {"corpora": nested})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("seeds:\n\tmasking: 0\n", ", line 2, column 1: this is no YAML: indent with spaces, not"),
        ("seeds: {a: 1\ntables: []\n", ", line 2, column 7: this is no YAML: expected ',' or '}'"),
        ("a: 1\n---\nb: 2\n", ", line 2, column 1: this is no YAML: but found another document"),
        ("a: !!python/object:os.system {}\n", ", line 1, column 4: this is no YAML: could not"),
        ("a: 1\nb: \x00\n", ", line 2, column 4: this is no YAML: the character 0x0000 is not"),
        ("a: 1\n? [b, c]\n: 2\n", ", line 2: a key of the file is no text"),
        ("a: &a\n  - b: *a\n", ", line 1: a.0.b refers to what it is a part of"),
        ("a: " + 3000 * "[" + 3000 * "]", ", nested more than 100 levels deep"),
        ("", ": a configuration is keys and their values; here are none"),
        ("- a\n", ": a configuration is keys and their values; here are none"),
        (
            "seeds: {masking: 0}\ntables:\n  qa:\n    arms: [none]\n    arms: [rand]\nseeds: {}\n",
            ", line 5: tables.qa.arms is written twice, before in line 4\n"
            "{path}, line 6: seeds is written twice, before in line 1",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_named_with_its_line(tmp_path, text, problem):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        read_configuration(path)
    assert str(error.value).startswith(f"{path}{problem.replace('{path}', str(path))}")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"^cannot read .*gone\.yaml: No such file"):
        read_configuration(tmp_path / "gone.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"caption: \xe9\n")
    with pytest.raises(ConfigError, match=r"^cannot read .*latin\.yaml: it is not UTF-8: "):
        read_configuration(tmp_path / "latin.yaml")


@pytest.mark.parametrize("file", ["my study.yaml", "-.yaml", "a" * 101])
def test_a_file_whose_name_is_none_for_a_folder_needs_a_name(default, file):
    with pytest.raises(ConfigError, match=r"its results would lie in a folder .* a `name`$"):
        with_name(default, [Path(file)])
    assert with_name(default | {"name": "mine"}, [Path(file)])["name"] == "mine"
    assert with_name(default, [Path("base.yaml"), Path("more.yaml")])["name"] == "base-more"


def test_a_file_of_the_same_name_elsewhere_is_another_study(default, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results" / "mine").mkdir(parents=True)
    StudyFiles.of([tmp_path / "mine.yaml"]).write(tmp_path / "results" / "mine" / STUDY_FILE)
    assert with_name(default, [Path("mine.yaml")])["name"] == "mine"
    message = (
        r"^more/mine\.yaml: results/mine holds results of mine\.yaml: rename the file, or give"
    )
    with pytest.raises(ConfigError, match=message):
        with_name(default, [Path("more/mine.yaml")])
    assert with_name(default | {"name": "mine"}, [Path("more/mine.yaml")])["name"] == "mine"


def test_a_study_is_read_from_its_file(tmp_path, default):
    assert load_study(ROOT / "config.yaml") == Study.load(default)
    # Snakemake takes JSON too, which may be indented with tabs.
    (tmp_path / "study.json").write_text(json.dumps(default, indent="\t"))
    assert load_study(tmp_path / "study.json") == Study.load(default | {"name": "study"})
