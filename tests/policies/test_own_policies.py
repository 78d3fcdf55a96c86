"""A policy in a file of a user's own: the example of the room's README, and what may be wrong."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

import maskpolicy.policies
from maskpolicy.corpora.shards import TokenBatch
from maskpolicy.corruption.rendering import load_decisions, load_tokens
from maskpolicy.decisions.base import Decisions
from maskpolicy.errors import InputError
from maskpolicy.policies import registry
from maskpolicy.policies.base import PolicySpec
from maskpolicy.policies.masking import ShardMasks, mask_shard
from maskpolicy.policies.registry import describe_policies, find_policy
from maskpolicy.study.loading import ConfigError, Study

ROOT = Path(__file__).parents[2]
README = (Path(maskpolicy.policies.__file__).parent / "README.md").read_text()
(FILE,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
RECORDS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)[-1]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with the example in it, which no module is kept of."""
    (tmp_path / "my_policies.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    yield tmp_path
    sys.modules.pop("my_policies", None)


@pytest.fixture
def study() -> dict:
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    config["policies"] |= yaml.safe_load(RECORDS)["policies"]
    return config


@pytest.fixture
def shard(folder, write_shard):
    words = [True, False, False, True, True, False]
    batch = TokenBatch.from_lists([list(range(6))], word_start=[words])
    return write_shard(folder / "shard-0.arrow", [batch])


def test_the_example_is_a_policy_of_a_study(study):
    spec = Study.load(study).policies["long-words"].decide
    assert spec.pieces == 2
    assert not spec.inserts and not spec.needs_annotations
    assert (spec.keeps, spec.redrawn, spec.titles) == ("word", False, True)
    assert not spec.statistics and not spec.networks
    assert spec.files == ("my_policies.py",)


def test_a_wrong_parameter_of_the_example_is_named_by_its_key(study):
    study["policies"]["long-words"]["decide"]["pieces"] = "many"
    with pytest.raises(ConfigError, match=r"^policies\.long-words\.decide\.pieces: Input should"):
        Study.load(study)


def test_a_shard_is_masked_with_the_example(folder, shard):
    # -P: as the installed program starts, without the working directory on the path.
    command = [sys.executable, "-P", "-m", "maskpolicy.cli", "mask-shard", "--shard", shard]
    command += ["--corpus", "words", "--policy", "long-words", "--seed", "0", "--epochs", "1"]
    command += ["--spec", '{"kind": "my_policies:LongWords", "pieces": 2}']
    done = subprocess.run(
        [*command, "--output", "masks/shard-0.json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    decided = load_decisions([Path("masks/epoch-0/shard-0.arrow")], load_tokens([shard]))
    assert decided.mask.tolist() == [True, True, True, False, True, True]
    assert json.loads(Path("masks/shard-0.json").read_text())["masked_tokens"] == 5


def test_a_mixture_is_made_of_files_too():
    policies = ({"kind": "my_policies:LongWords"}, {"kind": "rand"})
    record = {"kind": "mixture", "components": [{"weight": 1, "policy": p} for p in policies]}
    spec = find_policy("mixture").model_validate_json(json.dumps(record))
    assert spec.files == ("my_policies.py",)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("no_policies:LongWords", "there is no module 'no_policies', neither installed nor in "),
        ("my_policies:ShortWords", r".*my_policies\.py has no class 'ShortWords'"),
        ("my_policies:Decisions", r"'Decisions' of .*my_policies\.py is no policy"),
        ("my_policies:np", r"'np' of .*my_policies\.py is no policy"),
        ("my_policies:PolicySpec", r"'PolicySpec' of .* has no method `decide`"),
        ("long-word", "unknown policy 'long-word'; known: .*rand.*, or MODULE:CLASS of your own"),
    ],
)
def test_what_is_no_policy_is_named_by_its_key(study, kind, message):
    study["policies"]["long-words"]["decide"]["kind"] = kind
    with pytest.raises(ConfigError, match=rf"^policies\.long-words\.decide\.kind: {message}"):
        Study.load(study)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import no_such_library\n",
            r"No module named 'no_such_library' \(.*my_policies\.py, line 1",
        ),
        ("\nx = 1 / 0\n", r"ZeroDivisionError: division by zero \(.*my_policies\.py, line 2\)"),
        ("\n\nx = (\n", r"SyntaxError: '\(' was never closed \(my_policies\.py, line 3\)$"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named(folder, text, message):
    (folder / "my_policies.py").write_text(text)
    with pytest.raises(InputError, match=message):
        find_policy("my_policies:LongWords")


class Careless(PolicySpec):
    """Decides in a form that it does not declare."""

    kind: str = "careless"
    column: str
    dtype: str = "bool"
    tokens: int = 6

    def decide(self, batch, address):
        columns = {"mask": np.zeros(len(batch.input_ids), np.bool_)}
        return Decisions(**columns | {self.column: np.zeros(self.tokens, self.dtype)})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (Careless(column="insertions"), "makes insertions, but has `inserts = False`"),
        (Careless(column="mask", dtype="int8"), "one bool for each token"),
        (Careless(column="mask", tokens=5), "one bool for each token"),
    ],
)
def test_decisions_of_another_form_are_refused(folder, shard, spec, message):
    masks = ShardMasks(shard, "corpus", "careless", 0, [0], folder / "masks" / "shard-0.json")
    with pytest.raises(InputError, match=message):
        mask_shard(masks, spec)
    assert not [path for path in folder.glob("masks/**/*") if path.is_file()]


def test_installed_packages_add_kinds(monkeypatch):
    class Entry:
        name, value = "long-words", "my_policies:LongWords"

    monkeypatch.setattr(registry, "entry_points", lambda group: [Entry] * (group == registry.GROUP))
    assert find_policy("long-words").__name__ == "LongWords"
    assert (
        "long-words",
        "hand-made",
        "Words of many pieces. titles=True, pieces=3",
    ) in describe_policies()
