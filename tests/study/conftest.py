"""What tests of the configuration share."""

import pytest
from support.configurations import configuration


@pytest.fixture
def default() -> dict:
    """The default study, to be changed."""
    return configuration()
