from io import StringIO

from rich.console import Console

from maskpolicy.reporting.description import print_description


def test_names_stay_whole_and_lines_are_wrapped():
    console = Console(file=StringIO(), width=40)
    rows = [("a-long-name", "documents", "Some words that say what it is."), ("b", "[x]", "B.")]
    print_description("sources", rows, console)
    printed = console.file.getvalue()
    assert "a-long-name" in printed and "[x]" in printed
    assert printed.split()[0] == "sources"
    assert max(map(len, printed.splitlines())) <= 40
