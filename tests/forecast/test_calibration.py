"""How fast this machine is: measured in short, and read back."""

from math import inf

import pytest

from maskpolicy.forecast import calibration
from maskpolicy.forecast.rates import USUAL_RATES, Rates


def test_what_is_measured_is_plausible_and_is_what_a_plan_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(calibration, "SECONDS", 0.1)
    monkeypatch.setattr(calibration, "SENTENCES", 2000)
    monkeypatch.setattr(calibration, "ANNOTATED", 50)
    calibration.calibrate(tmp_path / "rates.json")
    rates = Rates.read(tmp_path / "rates.json")
    assert rates.cpu.name.startswith("a core of ") and rates.cpu.name.endswith("as measured")
    assert 0 < rates.cpu.inference < inf and 0 < rates.start < inf
    # How fast is no matter of a test, on a machine that others use.
    measured = (rates.cpu.training, rates.cpu.update, rates.annotation, rates.sharding)
    assert all(0 < rate < inf for rate in measured)
    assert rates.example == USUAL_RATES.example


def test_without_a_model_of_spacy_the_usual_rate_stays(tmp_path, monkeypatch):
    def missing(*_, **__):
        raise calibration.InputError("no model of spaCy")

    monkeypatch.setattr(calibration, "SENTENCES", 200)
    monkeypatch.setattr(calibration, "annotate_shard", missing)
    rates = calibration._rates_of_texts()
    assert rates["annotation"] == USUAL_RATES.annotation
    assert rates["masking"] == pytest.approx(rates["masking"]) and rates["masking"] > 0
