"""Tasks: downstream examples, with targets to generate or labels to choose, in three splits."""
