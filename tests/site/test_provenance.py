"""How a table is made again: with the code that made it."""

import os
import shutil
from pathlib import Path

import pytest
from support.site_study import TABLE
from support.starts import START, write_starts

from maskpolicy.errors import InputError
from maskpolicy.evaluation.predictions import PREDICTIONS, TEST
from maskpolicy.provenance import Code, configuration_hash
from maskpolicy.site import provenance
from maskpolicy.site.provenance import reproduction
from maskpolicy.study.loading import CONFIGURATION

COMMAND = (
    f"snakemake --cores all results/study/tables/{TABLE}.md"
    " --configfile results/study/configuration.json"
)
FRESH = "# in a fresh clone; beside these results nothing is made again that is there"
NOW = Code(commit="d" * 40)


@pytest.fixture
def reproduce(results, tmp_path, monkeypatch):
    """What is printed of the table after some starts, of which the last made all that is there."""
    monkeypatch.setattr(provenance, "installed_code", lambda: NOW)
    folder = shutil.copytree(results, tmp_path / "study", ignore=shutil.ignore_patterns("site"))

    def reproduce(*starts):
        if starts:
            write_starts(folder, *starts)
        set_times(folder)
        return reproduction(folder / "tables" / f"{TABLE}.html")

    reproduce.folder = folder
    return reproduce


def set_times(folder):
    for file in (*folder.rglob("*.json"), *folder.rglob("*.arrow")):
        os.utime(file, 2 * (START.time.timestamp() + 60,))


def in_clone(folder):
    copy = f"cp {folder / CONFIGURATION} results/study/configuration.json"
    return ["mkdir -p results/study", copy, COMMAND]


def start(code, **changes):
    return START.model_copy(update={"code": code, **changes})


def test_by_the_installed_code_it_is_the_commit_and_the_command(reproduce):
    configuration = configuration_hash(reproduce.folder / CONFIGURATION)
    lines = reproduce(start(NOW, configuration=configuration))
    assert lines == [
        f"# the table {TABLE}, configuration {configuration}",
        f"# made by: {NOW}",
        FRESH,
        f"git checkout {NOW.commit}",
        "make install",
        *in_clone(reproduce.folder),
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


@pytest.mark.parametrize("made", ["metrics.json", PREDICTIONS[TEST], "significance.json"])
def test_several_are_named_and_the_last_is_taken(reproduce, made):
    file = next(reproduce.folder.rglob(f"*{made}"))
    second = start(Code(commit="b" * 40), time=START.time.replace(hour=23))
    write_starts(reproduce.folder, START, second)
    set_times(reproduce.folder)
    os.utime(file, 2 * (second.time.timestamp() + 60,))
    lines = reproduction(reproduce.folder / "tables" / f"{TABLE}.md")
    assert "# made by: commit aaaaaaaaaaaa; then commit bbbbbbbbbbbb" in lines
    assert any(line.startswith("# by several") for line in lines)
    assert f"git checkout {'b' * 40}" in lines


def test_of_results_of_before_that_was_kept_it_is_the_installed_code(reproduce):
    lines = reproduce()
    assert "# made by: not known: made before that was kept, or no longer there" in lines
    assert f"# installed now: {NOW}" in lines
    ends = [f"git checkout {NOW.commit}", "make install", *in_clone(reproduce.folder)]
    assert lines[-5:] == ends


def test_predictions_that_a_later_start_kept_are_of_the_first(reproduce):
    """Of a job that was killed Snakemake deletes the manifest, which the next one writes anew."""
    reproduce(START)
    second = start(Code(commit="b" * 40), time=START.time.replace(hour=23))
    write_starts(reproduce.folder, START, second)
    for manifest in reproduce.folder.glob("runs/**/manifest.json"):
        os.utime(manifest, 2 * (second.time.timestamp() + 60,))
    lines = reproduction(reproduce.folder / "tables" / f"{TABLE}.md")
    assert "# made by: commit aaaaaaaaaaaa" in lines


def test_an_installed_package_has_nothing_to_check_out(reproduce):
    lines = reproduce(start(Code(commit=None)))
    assert "# made by: no commit known: an installed package, or none that git reads" in lines
    assert not any(line.startswith("git") for line in lines) and lines[-1] == COMMAND


@pytest.mark.parametrize(
    "file", ["tables/nothing.md", f"tables/{TABLE}.zzz", f"majority/{TABLE}.json"]
)
def test_what_is_no_table_is_named(reproduce, file):
    if file.startswith("majority"):
        (reproduce.folder / file).touch()
    with pytest.raises(InputError, match=rf"{file} is no table of"):
        reproduction(reproduce.folder / file)


def test_a_table_is_named_from_within_its_folder(reproduce, monkeypatch):
    reproduce(START)
    monkeypatch.chdir(reproduce.folder / "tables")
    assert reproduction(Path(f"{TABLE}.md"))[-1] == COMMAND
