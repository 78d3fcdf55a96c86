"""Statistics over seeds: means, spreads, paired tests, and the shading rule of result tables."""
