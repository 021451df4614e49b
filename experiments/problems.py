"""Errors that are not bugs: the user gets one line instead of a traceback."""


class Problem(Exception):
    """An error whose message is one line with the cause and the remedy; it ends the command with `exit_code`."""

    exit_code = 2


class Missing(Problem):
    """A file or package that only the user can bring: the line says which, which sha256, and where to put it."""

    exit_code = 3


class Failed(Problem):
    """One task fails; the command continues with the others and ends with exit code 1."""


class StaleRun(Problem):
    """A run exists, but with different values, code or parents: the user decides what to do."""


def one_line(error: BaseException) -> str:
    """The first line of an error's message, "" if it is empty."""
    try:
        return (str(error).strip().splitlines() or [""])[0]
    except Exception:  # raised by a user-defined __str__
        return ""


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out, in Python or in torch."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and "memory" in one_line(error) and "alloc" in one_line(error)
    )
