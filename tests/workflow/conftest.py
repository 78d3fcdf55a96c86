"""The small study, before and after it ran."""

import pytest
from support.small_study import small_study, write_sources
from support.study_folder import StudyFolder


@pytest.fixture
def unstarted(tmp_path) -> StudyFolder:
    """The study, of which nothing has run."""
    write_sources(tmp_path)
    return StudyFolder(tmp_path, small_study())


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> StudyFolder:
    """The study, run to its tables once for all tests of the session."""
    folder = tmp_path_factory.mktemp("a study")
    write_sources(folder)
    return StudyFolder(folder, small_study()).finish()
