"""What README shows works: its configuration is valid, the files that it names are there."""

import re
from pathlib import Path

import pytest
import yaml

from maskpolicy.study.loading import Study

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)


def merged(study: dict, addition: dict) -> dict:
    """`study` with the records of `addition` beside its own."""
    return study | {
        section: study.get(section, {}) | records for section, records in addition.items()
    }


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_a_snippet_fits_into_the_default_study(snippet):
    study = yaml.safe_load((ROOT / "config.yaml").read_text())
    Study.load(merged(study, yaml.safe_load(snippet)))


def test_there_are_snippets():
    assert len(SNIPPETS) >= 2


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)]+)\)", README))
def test_a_link_leads_to_a_file(link):
    assert (ROOT / link).exists()


def test_the_commands_that_it_names_are_there():
    import typer

    from maskpolicy import cli

    commands = set(typer.main.get_command(cli.app).commands)
    named = set(re.findall(r"`maskpolicy ([a-z-]+)", README))
    assert named and named <= commands


def test_it_can_be_read_in_a_few_minutes():
    assert len(README.splitlines()) <= 150
