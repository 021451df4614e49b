"""A study is a value whose `cells` say what is computed. One file per study; by name: experiments.registry.STUDIES.

For a notebook: `from experiments.studies import TradeOff, Sweep, Curve, run_study, load_trained`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.studies.comparison import Comparison
    from experiments.studies.decode import load_trained
    from experiments.studies.guided import Guided
    from experiments.studies.guides import Guides
    from experiments.studies.running import run_study
    from experiments.studies.sweep import Curve, Sweep
    from experiments.studies.tradeoff import TradeOff

WHERE = {
    "Comparison": "comparison",
    "Curve": "sweep",
    "Guided": "guided",
    "Guides": "guides",
    "Sweep": "sweep",
    "TradeOff": "tradeoff",
    "load_trained": "decode",
    "run_study": "running",
}
__all__ = ["Comparison", "Curve", "Guided", "Guides", "Sweep", "TradeOff", "load_trained", "run_study"]


def __getattr__(name: str) -> Any:
    if name not in WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{WHERE[name]}"), name)
