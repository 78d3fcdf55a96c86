"""How fast this machine is: measured in short, and read back."""

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
    assert rates.cpu.inference > rates.cpu.training
    assert 0 < rates.start < rates.cpu.start
    usual = USUAL_RATES
    for measured, expected in (
        (rates.cpu.training, usual.cpu.training),
        (rates.cpu.update, usual.cpu.update),
        (rates.annotation, usual.annotation),
        (rates.sharding, usual.sharding),
    ):
        assert expected / 30 < measured < expected * 30
    assert rates.example == usual.example


def test_without_a_model_of_spacy_the_usual_rate_stays(tmp_path, monkeypatch):
    def missing(*_, **__):
        raise calibration.InputError("no model of spaCy")

    monkeypatch.setattr(calibration, "SENTENCES", 200)
    monkeypatch.setattr(calibration, "annotate_shard", missing)
    rates = calibration._rates_of_texts()
    assert rates["annotation"] == USUAL_RATES.annotation
    assert rates["masking"] == pytest.approx(rates["masking"]) and rates["masking"] > 0
