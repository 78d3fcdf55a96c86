"""The table of releases: it names sources that exist, keys that they have, and checks that hold."""

import re
from urllib.parse import urlsplit

import pytest

from maskpolicy.errors import InputError
from maskpolicy.sources.chosen import sources_of
from maskpolicy.sources.fetching import inspection_of
from maskpolicy.sources.registry import SOURCES
from maskpolicy.sources.releases import RELEASES, describe_releases, find_release


@pytest.mark.parametrize("name", RELEASES)
def test_a_release_is_read_by_a_source_that_is_there(name, tmp_path):
    release = RELEASES[name]
    assert release.source in SOURCES
    assert urlsplit(release.page).scheme in ("http", "https")
    if release.paths:
        # As `fetch` tells to inspect it; the first path needs no key, so it must be the source's.
        _, _, path, _, source, *rest = inspection_of(release, tmp_path)
        keys = [text.removeprefix("--key=") for text in rest]
        for record in sources_of(source, path, keys):
            assert record.PATHS[0] == next(iter(release.paths))
            assert set(record.paths()) == set(release.paths)


@pytest.mark.parametrize("name", RELEASES)
def test_a_file_has_a_name_of_its_own_and_a_hash_with_its_size(name):
    files = RELEASES[name].files
    names = [file.name for file in files]
    assert len(set(names)) == len(names) and all(re.fullmatch(r"[\w.-]+", name) for name in names)
    for file in files:
        assert file.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.bytes or file.sha256 is None
        assert not {"drive.google.com", "localhost"} & {urlsplit(file.url).hostname}
    assert files or RELEASES[name].note  # what to do instead


def test_no_two_files_have_one_hash():
    hashes = [file.sha256 for release in RELEASES.values() for file in release.files if file.sha256]
    assert len(set(hashes)) == len(hashes)


def test_releases_are_described():
    rows = {name: row for name, *row in describe_releases()}
    assert set(rows) == set(RELEASES)
    assert rows["nq-open"][:2] == ["8.9 MB", "nq-open"]
    assert rows["glue-wnli"][0] == "29 kB"
    assert rows["wikipedia-2018-12-20"][0] == "15.7 GB"
    assert rows["semeval14"][0] == "by hand"
    assert rows["dpr-nq"][0] == "unknown"
    assert all(licence for *_, licence in rows.values())


def test_an_unknown_release_is_named_with_the_one_that_may_be_meant():
    with pytest.raises(InputError, match=r"'nq-opne' is no release.*did you mean 'nq-open'"):
        find_release("nq-opne")
