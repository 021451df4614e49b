"""Errors that are not bugs: reported to the user in one line."""


class Problem(Exception):
    """One line that names the cause and the remedy; it ends the command with exit code 2."""


class Failed(Problem):
    """One task fails for these values; others may not. The command goes on, and ends with exit code 1."""


class StaleRun(Problem):
    """A run exists, but of other code or other parents: the user decides."""
