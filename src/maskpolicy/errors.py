"""The one kind of error that a user can mend: shown as a line, without a traceback."""


class InputError(Exception):
    """A file, a configuration key or an argument is wrong; the message names it and says what to
    do.
    """


class Diverged(InputError):
    """A training's loss is no longer finite; the message names the step and what to lower."""


class ArtefactError(InputError):
    """A file that a stage reads or writes is missing, damaged or unwritable. Names the file."""
