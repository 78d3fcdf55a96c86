"""The colours of result tables and pictures: white text reads on dark, ink on the others."""

from types import MappingProxyType

INK = "#1b2733"
FAINT = "#97a3b0"
SHADES = MappingProxyType({"dark": "#1f4e79", "light": "#cfe1f2", "none": "#ffffff"})
"""Fill of the best arm, of those not significantly worse than it, and of the others."""
GRID = "#e6eaee"
CATEGORIES = (
    "#1f4e79",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#7a5195",
    "#8c6d46",
    "#6b7785",
)
"""Colours of arms and stages, told apart by colour-blind readers too (Okabe and Ito 2008)."""
