"""The colours of result tables and pictures: white text reads on dark, ink on the others."""

from types import MappingProxyType

INK = "#1b2733"
FAINT = "#97a3b0"
SHADES = MappingProxyType({"dark": "#1f4e79", "light": "#cfe1f2", "none": "#ffffff"})
"""Fill of the best arm, of those not significantly worse than it, and of the others."""
