"""How much of the range of pixels samples use up: what too much guidance does first, and what accuracy rewards."""

import numpy as np
from jaxtyping import Float

BOUND = 1 - 1e-6  # bytes that became floats reach 1 up to rounding


def saturation(images: Float[np.ndarray, "n *shape"]) -> tuple[float, float]:
    """Mean |x| of pixels in [-1, 1], and the share of them at the bounds. ValueError for non-finite values or none."""
    size = np.abs(np.asarray(images))
    if not size.size or not np.isfinite(size).all():
        raise ValueError(f"images has shape {size.shape} and must hold finite pixels")
    return float(size.mean(dtype=np.float64)), float((size >= BOUND).mean())
