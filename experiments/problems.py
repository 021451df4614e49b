"""What goes wrong through no fault of the code: told to the user in one line."""


class Problem(Exception):
    """One clear line that names the thing and says what to do; it ends the command with exit code 2."""


class Failed(Problem):
    """One task cannot be made, of these values; others can. The command goes on, and ends with exit code 1."""


class StaleRun(Problem):
    """A run is there, but another code or other parents made it: a question to the user."""
