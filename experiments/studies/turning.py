"""Guidance in windows of lambda, and guidance that turns to a negative w: what is tried in `guidance-bench study claims`."""

from experiments.studies.sweep import Curve
from guidance.methods import METHODS

EARLY, LATE = -2.0, 2.0  # lambda where a window of b ends, and the next one begins
TURNS = (-2.0, -1.0, 0.0, 1.0, 2.0)  # lambda where guidance of b turns to a negative w


def in_windows(w: float) -> tuple[Curve, ...]:
    """Classifier-free guidance at one w within one of three windows of lambda, the conditional model outside."""
    ends = ((None, EARLY), (EARLY, LATE), (LATE, None))
    kind = METHODS["limited-interval"]
    return tuple(Curve(method=kind(w=w, logsnr_min=low, logsnr_max=high), ws=(w,)) for low, high in ends)


def turning() -> tuple[Curve, ...]:
    """Guidance that pushes at first and turns for good: to half of -w, at -1 at most, and to -1, the unconditional model."""
    kind = METHODS["negative-window"]
    half = tuple(Curve(method=kind(turn=turn), ws=(1.0, 4.0)) for turn in TURNS)
    return half + tuple(Curve(method=kind(turn=turn, negative=-1.0), ws=(1.0,)) for turn in TURNS)
