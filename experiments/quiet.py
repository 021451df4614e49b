"""Imports without searches for garbage: torch's makes half a million objects, next to none of them garbage, and a fifth of its
time went into looking; as much again when the process ends.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is collected inside, and what was made until its end never is; where torch is imported already, nothing is done."""
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
