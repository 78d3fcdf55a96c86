"""The invented study and its site, made once for a room of tests; they import what they need."""

import pytest
from support.site_study import write_study

from maskpolicy.site.build import build_site


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """The results of the invented study."""
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def site(results):
    """Its site."""
    build_site(results, results / "site")
    return results / "site"
