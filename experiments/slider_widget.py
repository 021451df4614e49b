"""A slider over w in a notebook: samples of the same seeds, by the method and of the class that are chosen beside it."""

from typing import Any

import numpy as np

from analysis.figures.pictures import png_of, tiled
from experiments.problems import Problem, one_line

LARGE = 3  # pixels of the screen for one of an image
COLUMNS = 10


def slider(same: Any, most: float = 8.0, step: float = 0.25) -> Any:
    """An ipywidgets box of `same`, a SameSeeds. w goes from 0 to `most`; what was visited is shown again at once.

    Problem if ipywidgets is not installed.
    """
    try:
        import ipywidgets
    except ImportError:
        raise Problem("the slider needs ipywidgets: pip install guidance-bench[notebooks]") from None
    method = ipywidgets.Dropdown(options=same.methods, value="classifier-free", description="method")
    names = [("every class in turn", None), *((f"class {label}", label) for label in range(same.world.classes))]
    label = ipywidgets.Dropdown(options=names, value=None, description="class")
    w = ipywidgets.FloatSlider(0.0, min=0.0, max=most, step=step, description="w", continuous_update=False)
    image, said = ipywidgets.Image(format="png"), ipywidgets.Label()

    def show(_: Any = None) -> None:
        try:
            image.value = picture(same, method.value, w.value, label.value)
            said.value = f"{method.value} at w = {w.value:g}: seeds {same.seed}, samples 0 to {same.n - 1}"
        except Problem as problem:
            said.value = one_line(problem)

    for control in (method, label, w):
        control.observe(show, "value")
    show()
    return ipywidgets.VBox([ipywidgets.HBox([method, label]), w, image, said])


def picture(same: Any, method: str, w: float, label: int | None) -> bytes:
    """The samples side by side, as PNG, large enough to be looked at."""
    whole = tiled(same.images(method, w, label), min(COLUMNS, same.n))
    return png_of(np.repeat(np.repeat(whole, LARGE, axis=0), LARGE, axis=1))
