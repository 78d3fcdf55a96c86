import pytest
from support.site_study import write_study

from maskpolicy.site.build import build_site


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The results of the invented study."""
    return write_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def site(results):
    """Its site."""
    build_site(results, results / "site")
    return results / "site"
