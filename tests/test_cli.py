"""The command line: every command explains itself, and mistakes end in one line."""

import subprocess
import sys

import pytest
import typer
from support.configurations import ROOT
from typer.testing import CliRunner

from maskpolicy import cli
from maskpolicy.errors import InputError

COMMANDS = sorted(typer.main.get_command(cli.app).commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_it_does_and_what_its_options_are(command):
    listed = typer.main.get_command(cli.app).commands[command]
    assert listed.help
    for option in listed.params:
        if isinstance(option, typer.core.TyperOption):
            assert option.help, f"--{option.name}"


def test_without_a_command_it_lists_them():
    shown = CliRunner().invoke(cli.app, [])
    for command in COMMANDS:
        assert command in shown.output


def test_a_wrong_record_is_refused_by_its_key():
    source = '{"source": "own-documents", "pth": "a.jsonl"}'
    done = CliRunner().invoke(cli.app, ["fetch-documents", "--source", source, "--output", "x"])
    assert done.exit_code == 2
    assert "pth" in done.output


def test_mistakes_of_the_user_end_in_one_line(monkeypatch, capsys):
    def fail():
        raise InputError("facts.jsonl, line 3: the field 'text' is missing")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    line = "maskpolicy: error: facts.jsonl, line 3: the field 'text' is missing\n"
    assert capsys.readouterr().err == line


def test_a_study_is_checked_without_snakemake(tmp_path):
    config = (ROOT / "config.yaml").read_text()
    study = tmp_path / "study.yaml"
    study.write_text(config)
    assert "no mistakes found" in CliRunner().invoke(cli.app, ["check-study", str(study)]).output
    study.write_text(config.replace("  masking:", "\tmasking:"))
    error = CliRunner().invoke(cli.app, ["check-study", str(study)]).exception
    assert isinstance(error, InputError)
    assert str(error).startswith(f"{study}, line 7, column 1: this is no YAML: indent with spaces")


def test_the_command_line_itself_loads_nothing_heavy():
    heavy = {"torch", "transformers", "spacy", "numba", "pandas", "matplotlib"}
    check = f"import sys, maskpolicy.cli; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("run", ["runs/seed-1", "one=runs/seed-1", "1="])
def test_a_run_is_a_seed_and_a_folder(run):
    names = {"model-name": "m", "policy": "p", "task-name": "t", "metric": "exact_match"}
    records = {"finetuning": "{}", "generation": "{}", "pretraining-seed": "0"}
    paths = dict.fromkeys(("task", "search", "checkpoint", "tokenizer", "state"), "nowhere")
    records["finetuning"] = '{"steps": 1, "batch_size": 1, "learning_rates": [0.1]}'
    given = [f"--{key}={value}" for key, value in (names | records | paths | {"run": run}).items()]
    done = CliRunner().invoke(cli.app, ["finetune", *given])
    assert done.exit_code == 2 and "SEED=FOLDER is expected" in done.output
