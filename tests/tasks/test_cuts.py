"""What is said of examples that are not read whole."""

import pytest

from maskpolicy.tasks.cuts import PartCuts, TaskCuts


@pytest.mark.parametrize(
    ("cut", "examples", "share"),
    [(9, 9, "100"), (996, 1000, "100"), (154, 1000, "15"), (1, 400, "0.25"), (1, 10**7, "0.00001")],
)
def test_a_share_is_written_without_an_exponent(cut, examples, share):
    part = PartCuts(part="source", length=48, examples=examples, cut=cut)
    told = f"qa: {share} % of the sources are longer than 48 tokens and cut there."
    assert list(TaskCuts(task="qa", parts=(part,)).sentences()) == [told]
