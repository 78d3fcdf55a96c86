"""Reading a configuration: every mistake is named by its key."""

import subprocess
import sys

import pytest
from support.configurations import ROOT, set_key

from maskpolicy.study.loading import ConfigError, Study, repeated_keys


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
        ("tasks/factbook-qa/metrics", ["bleu"], "tasks.factbook-qa.metrics.0"),
        ("tasks/factbook-qa/metrics", ["macro_f1"], "tasks.factbook-qa.metrics.0: Input should be"),
        ("tasks/factbook-qa/test", 0.95, "tasks.factbook-qa: `dev` and `test` leave nothing"),
        (
            "models/bart-mini/pretrained",
            "x/y",
            "give exactly one of `architecture` and `pretrained`",
        ),
        ("intermediate/factbook/stops", [800, 400], "`stops` are steps before the last, in"),
        ("intermediate/factbook/stops", [1400], "`stops` are steps before the last, in"),
        ("seeds/finetuning", [0], "seeds.finetuning"),
        ("seeds/masking", 10**20, "seeds.masking: Input should be less than"),
        ("polices", {}, "polices: unknown key"),
        (
            "general/learning_rate",
            "1e-4",
            "general.learning_rate: YAML reads 1e-4 as text; write 1.0e-4",
        ),
        ("general/learning_rate", "1.5E3", "YAML reads 1.5E3 as text; write 1.5e+3"),
        ("general/learning_rate", float("inf"), "general.learning_rate: Input should be a finite"),
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


def test_a_key_that_is_written_twice_is_named_with_both_lines(tmp_path):
    text = "seeds: {masking: 0}\ntables:\n  qa:\n    arms: [none]\n    arms: [rand]\nseeds: {}\n"
    (tmp_path / "study.yaml").write_text(text)
    assert repeated_keys(tmp_path / "study.yaml") == [
        "tables.qa.arms: written twice, in lines 4 and 5",
        "seeds: written twice, in lines 1 and 6",
    ]
    assert repeated_keys(ROOT / "config.yaml") == []
