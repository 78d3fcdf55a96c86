import pytest
from pydantic import ValidationError


def test_exchanged_tokens_go_evenly_from_none_to_all(spec):
    assert spec(length=64, masked=16, distances=9).exchanged == (0, 2, 4, 6, 8, 10, 12, 14, 16)
    assert spec(length=64, masked=10, distances=4).exchanged == (0, 3, 7, 10)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"masked": 5}, "`masked` is over half"),
        ({"masks": (2, 5)}, "5 masks of 2 tokens"),
        ({"masks": (4, 2)}, "`masks` must rise"),
        ({"distances": 4}, "`distances`"),
        ({"masks": (1, 2)}, "greater than or equal to 2"),
        ({"rows": 1}, "rows"),
        ({"tau": 3}, "tau"),
    ],
)
def test_what_does_not_fit_is_named(spec, changed, says):
    with pytest.raises(ValidationError, match=says):
        spec(**changed)
