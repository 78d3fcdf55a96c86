"""Tasks: downstream examples with context, source, target and answers."""
