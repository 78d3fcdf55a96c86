"""The picture of a training: what it shows, and that it repeats."""

from maskpolicy.drawing.learning_curve import draw_learning_curve

PANELS = {
    "loss": {"train": [(1, 3.0), (2, 2.0)], "dev": [(1, 3.5), (2, 3.2)]},
    "mask rate": {"rate": [(1, 0.3), (2, 0.15)]},
}


def test_every_quantity_and_curve_is_named():
    svg = draw_learning_curve(PANELS, "epoch", chosen=2)
    for text in ("loss", "train", "dev", "mask rate", "epoch"):
        assert f">{text}</text>" in svg
    assert ">rate</text>" not in svg, "one curve needs no legend"


def test_the_same_curves_give_the_same_bytes():
    assert draw_learning_curve(PANELS, "epoch") == draw_learning_curve(PANELS, "epoch")
