"""The strength w, and what every method refuses as one."""

import math


def require_finite(w: float) -> None:
    """ValueError unless `w` is a finite number."""
    if not math.isfinite(w):
        raise ValueError(f"w must be a finite number, not {w}")
