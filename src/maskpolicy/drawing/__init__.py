"""Drawing: how all pictures look, and how they are written."""
