"""Errors that are not bugs: the user gets one line instead of a traceback."""


class Problem(Exception):
    """An error whose message is one line with the cause and the remedy; the command ends with exit code 2."""


class Failed(Problem):
    """One task fails; the command continues with the others and ends with exit code 1."""


class StaleRun(Problem):
    """A run exists, but with different values, code or parents: the user decides what to do."""
