"""What a test does not look at is not done: figures are not drawn, and test losses are of few images."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def undrawn() -> Iterator[None]:
    """Figures of reports are made, and neither laid out nor drawn: each is one white pixel."""
    import numpy as np

    from analysis.figures.pictures import png_of

    pixel = png_of(np.full((1, 1), 255, np.uint8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.reports.html.png", lambda figure: pixel)
        patch.setattr("matplotlib.figure.Figure.draw_without_rendering", lambda self: None)
        patch.setattr("analysis.figures.labels.lay_out", lambda figure: None)
        yield


@contextmanager
def few_tested() -> Iterator[None]:
    """Networks are looked at on 50 test images when they are trained: some sets have thousands."""
    from experiments.objectives import batches

    parts = batches.noisy_parts
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "noisy_parts", lambda images: parts(images.subset(slice(50))))
        yield
