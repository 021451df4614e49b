"""Errors that are not bugs: reported to the user in one line."""


class Problem(Exception):
    """One line that names the cause and the remedy; it ends the command with `exit_code`."""

    exit_code = 2


class Missing(Problem):
    """A file or package that only the user can bring: the line says which, which sha256, and where to put it."""

    exit_code = 3


class Failed(Problem):
    """One task fails for these values; others may not. The command goes on, and ends with exit code 1."""


class StaleRun(Problem):
    """A run exists, but of other code or other parents: the user decides."""
