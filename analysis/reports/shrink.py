"""Figures of a page within a budget of bytes: as they are, or in 256 colours as lossless WebP, or those also smaller."""

import io
from collections.abc import Sequence

from PIL import Image

BUDGET = 2_000_000  # bytes of all figures of a page, at most; in base64 a third more
SCALES = (1.0, 0.75, 0.6, 0.5, 0.4)


def fitting(images: Sequence[bytes], budget: int) -> list[bytes]:
    """The PNGs, equal bytes where they fit together; else the same pictures, WebP, in as many pixels of 256 colours as do.

    What fits at no scale comes at the smallest. The same bytes for the same images.
    """
    if sum(map(len, images)) <= budget:
        return list(images)
    found: list[bytes] = []
    for scale in SCALES:
        found = [min(_smaller(image, scale), image, key=len) for image in images]
        if sum(map(len, found)) <= budget:
            break
    return found


def _smaller(image: bytes, scale: float) -> bytes:
    opened = Image.open(io.BytesIO(image)).convert("RGB")
    if scale < 1:
        opened = opened.resize([max(1, round(scale * size)) for size in opened.size], Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    few = opened.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.convert("RGB").save(buffer, "webp", lossless=True, quality=60)  # of the effort; a quarter smaller than PNG
    return buffer.getvalue()
