"""How a table is made again: with the code that made it."""

import os
import shutil

import pytest
from support.site_study import TABLE
from support.starts import START, write_starts

from maskpolicy.errors import InputError
from maskpolicy.provenance import Code, configuration_hash
from maskpolicy.site import provenance
from maskpolicy.site.provenance import reproduction
from maskpolicy.study.loading import CONFIGURATION

COMMAND = (
    f"snakemake --cores all results/study/tables/{TABLE}.md"
    " --configfile results/study/configuration.json"
)
NOW = Code(commit="d" * 40)


@pytest.fixture
def reproduce(results, tmp_path, monkeypatch):
    """What is printed of the table after some starts, of which the last made all that is there."""
    monkeypatch.setattr(provenance, "installed_code", lambda: NOW)
    folder = shutil.copytree(results, tmp_path / "study", ignore=shutil.ignore_patterns("site"))

    def reproduce(*starts):
        if starts:
            write_starts(folder, *starts)
        for file in folder.rglob("*.json"):
            os.utime(file, 2 * (START.time.timestamp() + 60,))
        return reproduction(folder / "tables" / f"{TABLE}.html")

    reproduce.folder = folder
    return reproduce


def start(code, **changes):
    return START.model_copy(update={"code": code, **changes})


def test_by_the_installed_code_it_is_the_commit_and_the_command(reproduce):
    configuration = configuration_hash(reproduce.folder / CONFIGURATION)
    lines = reproduce(start(NOW, configuration=configuration))
    assert lines == [
        f"# {TABLE} of {reproduce.folder}, configuration {configuration}",
        f"# made by: {NOW}",
        f"git checkout {NOW.commit}",
        "make install",
        COMMAND,
    ]


def test_other_code_is_checked_out_and_pointed_out(reproduce):
    lines = reproduce(START)
    assert "# made by: commit aaaaaaaaaaaa" in lines
    assert f"# installed now: {NOW}" in lines
    assert f"git checkout {'a' * 40}" in lines
    assert "# the configuration has changed since, if in nothing that the table needs" in lines


def test_code_that_was_changed_is_not_to_be_had(reproduce):
    lines = reproduce(start(Code(commit="c" * 40, changed=True)))
    assert "# what was changed since that commit is in none" in lines


def test_several_are_named_and_the_last_is_taken(reproduce):
    file = next(reproduce.folder.glob("runs/**/metrics.json"))
    second = start(Code(commit="b" * 40), time=START.time.replace(hour=23))
    write_starts(reproduce.folder, START, second)
    for made in reproduce.folder.rglob("*.json"):
        os.utime(made, 2 * (START.time.timestamp() + 60,))
    os.utime(file, 2 * (second.time.timestamp() + 60,))
    lines = reproduction(reproduce.folder / "tables" / f"{TABLE}.md")
    assert "# made by: commit aaaaaaaaaaaa; then commit bbbbbbbbbbbb" in lines
    assert any(line.startswith("# by several") for line in lines)
    assert f"git checkout {'b' * 40}" in lines


def test_of_results_of_before_that_was_kept_it_is_the_installed_code(reproduce):
    lines = reproduce()
    assert "# made by: not known: made before that was kept" in lines
    assert f"# installed now: {NOW}" in lines
    assert lines[-3:] == [f"git checkout {NOW.commit}", "make install", COMMAND]


def test_an_installed_package_has_nothing_to_check_out(reproduce):
    lines = reproduce(start(Code(commit=None)))
    assert "# made by: an installed package, no checkout" in lines
    assert not any(line.startswith("git") for line in lines) and lines[-1] == COMMAND


def test_what_is_no_table_is_named(reproduce):
    with pytest.raises(InputError, match=r"nothing\.md is no table of"):
        reproduction(reproduce.folder / "tables" / "nothing.md")
