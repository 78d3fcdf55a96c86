"""A study that is forecast."""

import pytest
from support.configurations import ROOT, configuration

from maskpolicy.forecast.rules import Forecast
from maskpolicy.study.loading import Study
from maskpolicy.study.plan import Plan


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder without results, where studies can be planned."""
    for name in ("Snakefile", "config.yaml", "workflow", "envs", "profiles"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def forecast_of(folder):
    """Forecasts of a configuration, by default of the default study."""

    def forecast(config=None, **options):
        return Forecast(Plan(Study.load(config or configuration())), **options)

    return forecast
