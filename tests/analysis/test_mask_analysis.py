"""The pictures of masks and their data, of masks made by hand."""

import csv

import numpy as np
import pytest
from support.heuristic_cases import random_batch

from maskpolicy.analysis.mask_analysis import CORPUS, analyse_masks
from maskpolicy.analysis.mask_figures import ENTITY_COLOURS, NO_ENTITY, PART_OF_SPEECH_COLOURS
from maskpolicy.analysis.specs import MASK_FIGURES, MaskAnalysis
from maskpolicy.corpora.shards import ENTITY_LABELS, PARTS_OF_SPEECH, TokenBatch


@pytest.fixture(scope="module")
def analyse(tmp_path_factory, tokenizer_folder):
    """Analyse masks into a new folder; returns the folder."""

    def analyse(masks):
        folder = tmp_path_factory.mktemp("figures")
        analyse_masks(masks, tokenizer_folder, MaskAnalysis(), "a table", folder)
        return folder

    return analyse


@pytest.fixture(scope="module")
def masks(store):
    """Ten rows "Kenya is in Kenya", of which one arm masks the names and another one the rest."""
    batch = TokenBatch.from_lists(
        [[70, 80, 90, 70]] * 10,
        entities=[[(0, 1, "GPE"), (3, 4, "GPE")]] * 10,
        part_of_speech=[["PROPN", "AUX", "ADP", "PROPN"]] * 10,
    )
    names, rest = [1, 0, 0, 1] * 10, [0, 1, 1, 0] * 10
    arms = {"names": [names], "rest": [rest], "one": [[0, 0, 0, 1] * 10], "nothing": [[0] * 40]}
    return store([[batch]], arms)


@pytest.fixture(scope="module")
def figures(masks, analyse):
    """The folder with what is drawn of them."""
    return analyse(masks)


def rows_of(folder, name):
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def shares_of(folder, name, kind):
    shares = {}
    for row in rows_of(folder, name):
        if float(row["share"]):
            shares.setdefault(row["arm"], {})[row[kind]] = float(row["share"])
    return shares


def test_every_figure_is_there_with_its_data(figures):
    for name in MASK_FIGURES:
        assert (figures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        svg = (figures / f"{name}.svg").read_text()
        for arm in ("names", "rest", "one", "nothing"):
            assert f">{arm}" in svg, (name, arm)
    assert {file.stem for file in figures.iterdir()} == {*MASK_FIGURES, "mask-frequency-slopes"}
    svg = (figures / "masked-parts-of-speech.svg").read_text()
    for text in (CORPUS, "PROPN", "INTJ, SYM, X, SPACE", "10 of 10 rows, 1 masks of each"):
        assert f">{text}</text>" in svg, text


def test_shares_are_of_masked_tokens_beside_those_of_the_corpus(figures):
    assert shares_of(figures, "masked-parts-of-speech", "part_of_speech") == {
        CORPUS: {"PROPN": 0.5, "AUX": 0.25, "ADP": 0.25},
        "names": {"PROPN": 1},
        "rest": {"AUX": 0.5, "ADP": 0.5},
        "one": {"PROPN": 1},
    }
    assert shares_of(figures, "masked-entities", "entity") == {
        CORPUS: {"GPE": 0.5, NO_ENTITY: 0.5},
        "names": {"GPE": 1},
        "rest": {NO_ENTITY: 1},
        "one": {"GPE": 1},
    }


def test_tokens_stand_by_rank_with_how_often_each_arm_masks_them(figures):
    first, *others = rows_of(figures, "mask-frequency")
    assert (first["rank"], first[CORPUS], first["names"], first["rest"]) == ("1", "20", "20", "0")
    assert [row["rest"] for row in others] == ["10", "10"]
    slopes = {row["arm"]: row["slope"] for row in rows_of(figures, "mask-frequency-slopes")}
    assert slopes["names"] == slopes["nothing"] == ""
    assert float(slopes[CORPUS]) < 0


def test_every_two_arms_stand_once_with_what_they_share(figures):
    rows = rows_of(figures, "mask-overlap")
    shared = {(row["arm"], row["other"]): float(row["jaccard"]) for row in rows}
    assert shared["names", "rest"] == 0
    assert shared["names", "one"] == 0.5
    assert shared["names", "nothing"] == 0
    assert len(shared) == 6
    assert all(0 <= float(row["by_chance"]) < 1 for row in rows)


def test_budgets_are_those_of_the_manifests(figures):
    budgets = {row["arm"]: row for row in rows_of(figures, "mask-budget")}
    assert budgets["names"]["rate"] == "0.5"
    assert (budgets["one"]["masked_tokens"], budgets["one"]["mean_span"]) == ("10", "1.0")
    assert budgets["nothing"]["dropped_rows"] == "10"


def test_a_single_arm_is_analysed_too(store, analyse):
    batch = random_batch([12] * 9, seed=2)
    only = store([[batch]], {"only": [np.arange(108) % 5 == 0]})
    assert rows_of(analyse(only), "mask-overlap") == []


def test_the_same_masks_give_the_same_bytes(masks, figures, analyse):
    again = analyse(masks)
    for file in figures.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name


def test_every_kind_has_a_colour():
    assert set(PART_OF_SPEECH_COLOURS) == set(PARTS_OF_SPEECH)
    assert set(ENTITY_COLOURS) == {*ENTITY_LABELS, NO_ENTITY}
    assert len(set(ENTITY_COLOURS.values())) == len(ENTITY_COLOURS)
