"""The one kind of error that a user can mend: shown as a line, without a traceback."""


class InputError(Exception):
    """A file, a configuration key or an argument is wrong; the message names it and says what to
    do.
    """
