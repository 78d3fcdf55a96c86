"""Results lie on a disk that all jobs see: settings that put them elsewhere are refused."""

import os

from support.configurations import configuration
from support.study_folder import StudyFolder

PLUG_IN = """
from snakemake_interface_storage_plugins.storage_object import StorageObjectRead, StorageObjectWrite
from snakemake_interface_storage_plugins.storage_provider import StorageProviderBase


class StorageObject(StorageObjectRead, StorageObjectWrite):
    pass


class StorageProvider(StorageProviderBase):
    example_queries = default_max_requests_per_second = is_valid_query = None
    rate_limiter_key = use_rate_limiter = None
"""
"""A storage as good as any: nothing is to get there."""


def refused(folder, *arguments):
    """What is said of a plan with these arguments, in a line."""
    plug_in = folder / "snakemake_storage_plugin_bucket"
    plug_in.mkdir(exist_ok=True)
    (plug_in / "__init__.py").write_text(PLUG_IN)
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = StudyFolder(folder, configuration()).snakemake("-n", *arguments, PYTHONPATH=path)
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if "a disk that they share" in line]
    return line.strip()


def test_a_storage_provider(tmp_path):
    arguments = ("--default-storage-provider", "bucket", "--default-storage-prefix", "bucket://b")
    assert refused(tmp_path, *arguments).startswith("default-storage-provider: bucket: results are")


def test_a_file_system_that_is_not_shared(tmp_path):
    line = refused(tmp_path, "--shared-fs-usage", "sources")
    assert line.startswith("shared-fs-usage: without input-output: results are")
