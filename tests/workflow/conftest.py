"""The small study, before it ran."""

import pytest
from support.small_study import small_study, write_sources
from support.study_folder import StudyFolder


@pytest.fixture
def unstarted(tmp_path) -> StudyFolder:
    """The study, of which nothing has run."""
    write_sources(tmp_path)
    return StudyFolder(tmp_path, small_study())
