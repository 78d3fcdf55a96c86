"""A user's own data: rows of named fields in files of a few formats, or in a dataset of the hub."""
