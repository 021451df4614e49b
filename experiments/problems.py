"""What goes wrong through no fault of the code: told to the user in one line, with exit code 2."""


class Problem(Exception):
    """One clear line that names the thing and says what to do."""
