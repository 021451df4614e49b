"""Trade-offs of one world beside each other, each with networks of its own: what another model, or weak model, changes."""

from dataclasses import field
from typing import ClassVar

from pydantic import model_validator

from experiments.fields import Name
from experiments.graph.value import value
from experiments.studies.paper_parts import OfParts, Part
from experiments.studies.tradeoff import TradeOff


@value
class Several(OfParts):
    """base, whose methods keep their names, and others, whose methods and own networks have theirs added: `apg (small)`."""

    report: ClassVar[str] = "trade-off"
    title: ClassVar[str] = "Guidance of several networks"
    name: Name
    base: TradeOff
    others: dict[str, TradeOff] = field(default_factory=dict)

    @model_validator(mode="after")
    def compare(self) -> "Several":
        """ValueError for others of another world, measured otherwise or of other seeds: their rows are paired in one table."""
        for name, other in self.others.items():
            for part in ("world", "evaluator", "oracle", "n", "part", "train_seeds", "sample_seeds"):
                if getattr(other, part) != getattr(self.base, part):
                    raise ValueError(f"others.{name}.{part}: it is not that of the base, so that they do not compare")
        return self

    @property
    def parts(self) -> list[Part]:
        return [Part(self.base), *(Part(other, f" ({name})") for name, other in self.others.items())]
