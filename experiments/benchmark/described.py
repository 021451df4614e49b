"""What a submission says of a method."""

from importlib.metadata import packages_distributions, version
from typing import Any

from experiments.graph.fingerprint import PROJECT_PACKAGES
from experiments.graph.value import encode
from experiments.studies.sweep import Curve

OURS = "guidance-bench"


def described(curve: Curve) -> dict[str, Any]:
    """Its label, where its class is, its values but w, its family, and its package."""
    method = curve.method
    kind = type(method)
    top = kind.__module__.partition(".")[0]
    names = [OURS] if top in PROJECT_PACKAGES else packages_distributions().get(top, [])
    package = f"{names[0]} {version(names[0])}" if names else f"{top} (not installed)"
    values = {name: held for name, held in encode(method).items() if name != "w"}
    return {
        "label": curve.label,
        "where": f"{kind.__module__}:{kind.__qualname__}",
        "values": values,
        "family": method.family,
        "package": package,
    }
