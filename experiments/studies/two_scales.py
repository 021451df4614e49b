"""The shares of w that methods with two scales have, by their names in a study's tables: what a page makes a grid of."""

from itertools import product
from typing import Any

from experiments.studies.computing import of_compute
from guidance.compute import Compute
from guidance.methods.classifier_free import ClassifierFree
from guidance.methods.two_conditions import TwoConditions

DIAGONAL = TwoConditions(coarse=1.0)


def scales_of(study: Any, labels: str) -> dict[str, Any]:
    """The table `scales` of a trade-off: world, method, fine, coarse; empty where no method has both shares.

    Beside several that have, plain classifier-free guidance has 1 and 1, which it is: the diagonal of their grid.

    labels: what a cell's name says of its labels. A name of the exact model is there whether or not a cell has it.
    """
    import pandas as pd

    both = [(curve, curve.method) for curve in study.methods if hasattr(curve.method, "fine") and hasattr(curve.method, "coarse")]
    if len(both) > 1:
        both += [(curve, DIAGONAL) for curve in study.methods if curve.at(DIAGONAL.w) == ClassifierFree(w=DIAGONAL.w)]
    rows = [
        {
            "world": study.world.label,
            "method": curve.label + exact + labels + of_compute(compute),
            "fine": method.fine,
            "coarse": method.coarse,
        }
        for (curve, method), exact, compute in product(both, ("", " (exact)"), dict.fromkeys((study.compute, Compute())))
    ]
    return {"scales": pd.DataFrame(rows).drop_duplicates()} if rows else {}
