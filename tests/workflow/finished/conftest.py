"""The small study after it ran; all files here go to one worker, so that it runs once."""

import pytest
from support.small_study import small_study, write_sources
from support.study_folder import StudyFolder


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> StudyFolder:
    """The study, run to its tables once for all tests of the session."""
    folder = tmp_path_factory.mktemp("a study")
    write_sources(folder)
    return StudyFolder(folder, small_study()).finish()
