import csv
from xml.etree import ElementTree

import numpy as np
import pytest

from maskpolicy.analysis.gradient_variance import measure_gradient_variance
from maskpolicy.analysis.specs import ArmCheckpoint
from maskpolicy.artefacts import read_json, sha256
from maskpolicy.errors import InputError

FIGURES = ("covariance-by-distance", "covariance-distribution", "variance-by-masks")


@pytest.fixture
def measure(encoder_folder, wordpiece_folder, review_shards, tmp_path):
    def run(spec, name="analysis", shards=1):
        output = tmp_path / name
        measure_gradient_variance(
            encoder_folder,
            wordpiece_folder,
            review_shards[shards],
            spec=spec,
            seed=0,
            title="reviews",
            output=output,
        )
        return output

    return run


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_folder_holds_figures_their_data_and_the_summary(measure, spec, capsys):
    folder = measure(spec())
    manifest = read_json(folder / "manifest.json")
    files = {f"{figure}.{kind}" for figure in FIGURES for kind in ("csv", "png", "svg")}
    assert set(manifest["files"]) == files
    assert {path.name for path in folder.iterdir()} == files | {"manifest.json"}
    assert manifest["gradients"] == 3 * (4 + 2 * 3 + 3 * 2 * 4)
    assert manifest["analysis"]["parameters"] == ["*.encoder.layer.*.weight"]
    assert len(manifest["verdict"]) == 3
    assert capsys.readouterr().out.splitlines() == manifest["verdict"]

    groups = table(folder / "variance-by-masks.csv")
    assert [group["masks"] for group in groups] == ["2", "4"]
    assert float(groups[1]["ratio_high"]) == manifest["groups"][1]["ratio"]["high"]
    distances = table(folder / "covariance-by-distance.csv")
    assert [each["distance"] for each in distances] == ["0", "2", "4"]
    pairs = table(folder / "covariance-distribution.csv")
    assert len(pairs) == 3 * 2 * 3
    mean = np.mean([float(pair["covariance"]) for pair in pairs if pair["distance"] == "4"])
    variance = np.mean([float(pair["variance"]) for pair in pairs])
    assert float(distances[2]["mean"]) == pytest.approx(mean / variance)


def test_figures_name_what_they_show(measure, spec):
    folder = measure(spec())
    for figure, words in {
        "covariance-distribution": ("Hamming distance of the two masks (tokens)", "mean"),
        "covariance-by-distance": ("if masked tokens did not influence each other",),
        "variance-by-masks": ("masks averaged, K", "independent masks, measured"),
    }.items():
        svg = ElementTree.fromstring((folder / f"{figure}.svg").read_text(encoding="utf-8"))
        text = "\n".join("".join(node.itertext()).strip() for node in svg.iter())
        assert all(word in text for word in words)
        assert "3 sequences of 8 tokens, 2 masked" in text
        assert (folder / f"{figure}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("start", "shown"),
    [
        (None, "bert on reviews"),
        (200, "bert (200) on reviews"),
        (ArmCheckpoint(stage="films", policy="rand"), "bert (after films with rand) on reviews"),
    ],
)
def test_figures_say_which_checkpoint_was_measured(measure, spec, start, shown):
    folder = measure(spec(start=start))
    for figure in FIGURES:
        assert shown in (folder / f"{figure}.svg").read_text(encoding="utf-8")


def test_the_same_inputs_give_the_same_bytes(measure, spec):
    first, second = measure(spec()), measure(spec(), "again", shards=3)
    for path in first.iterdir():
        assert sha256(path) == sha256(second / path.name), path.name


def test_a_length_beyond_the_model_is_an_error(measure, spec):
    with pytest.raises(InputError, match="length: 23 tokens and two special ones are more than"):
        measure(spec(length=23))


def test_an_unknown_parameter_is_an_error_and_leaves_nothing(measure, spec, tmp_path):
    with pytest.raises(InputError, match="parameters: "):
        measure(spec(parameters=("decoder.*",)))
    assert not (tmp_path / "analysis").exists()
