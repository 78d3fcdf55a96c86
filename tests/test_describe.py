from typer.testing import CliRunner

from maskpolicy.cli import app
from maskpolicy.sources.registry import SOURCES


def test_sources_are_listed_on_the_command_line():
    done = CliRunner().invoke(app, ["describe", "sources"])
    assert done.exit_code == 0
    listed = [line.split()[0] for line in done.output.splitlines() if not line.startswith("  ")]
    assert set(SOURCES) <= set(listed)


def test_what_can_not_be_described_is_named():
    done = CliRunner().invoke(app, ["describe", "sauces"])
    assert done.exit_code == 2
    said = " ".join(done.output.replace("│", "").split())
    assert "policies, releases, sources, not 'sauces'" in said
