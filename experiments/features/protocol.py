"""How samples are drawn and measured where numbers are to compare with others': labels, bytes, splits, neighbours."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from experiments.fields import Count
from experiments.graph.value import value
from experiments.tasks.images import Labels, Rounding


@value
class Protocol:
    """labels, rounding: as of Sample. split: rows behind each Inception score that is averaged (None: all at once).

    k, neighbours: of precision and recall, and how many reference images they take at most.
    """

    labels: Labels = "balanced"
    rounding: Rounding = "nearest"
    split: Count | None = None
    k: Count = 3
    neighbours: Count = 10_000

    @property
    def label(self) -> str:
        """What it adds to a metric's suffix: nothing if it is ours, `adm`, or what it changes of ours."""
        for name, preset in PROTOCOLS.items():
            if self == preset:
                return name if name != "ours" else ""
        changed = {name: held for name, held in vars(self).items() if held != getattr(PROTOCOLS["ours"], name)}
        return "-".join(f"{name}{held}" if name != "labels" else f"{held}" for name, held in changed.items())


PROTOCOLS = {"ours": Protocol(), "adm": Protocol(labels="random", rounding="down", split=5000)}


def as_protocol(given: Any) -> Any:
    """A protocol, or the one of this name. ValueError for another name."""
    if isinstance(given, str):
        if given not in PROTOCOLS:
            raise ValueError(f"there is no protocol {given!r}; known: {', '.join(PROTOCOLS)}")
        return PROTOCOLS[given]
    return given


ProtocolOf = Annotated[Protocol, BeforeValidator(as_protocol)]
