"""Imports without searches for garbage: torch's makes half a million objects, next to none of them garbage, and a fifth of its
time went into looking; as much again when the process ends.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is collected inside, and what was made until its end never is."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()
