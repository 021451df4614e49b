"""A refused command: rank 1 learns of it when rank 0, and the store with it, has long ended. It imports no torch before."""

import time

from experiments import launch

fail = launch._fail


def late(line: str, code: int) -> None:
    if launch.rank():
        time.sleep(1)
    fail(line, code)


launch._fail = late
with launch.command("ls"):
    pass
