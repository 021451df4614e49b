"""All methods in several worlds: each world's cells as in any study, then one table and one comparison."""

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from experiments.fields import Name
from experiments.graph.value import value
from experiments.studies.by_world import ByWorld
from experiments.studies.tradeoff import TradeOff

REFERENCE = "classifier-free"


@value
class Comparison(ByWorld):
    """Studies by world, whose first sweeps, at which methods are compared, are of one sampler with as many levels."""

    report: ClassVar[str] = "comparison"
    title: ClassVar[str] = "Guidance methods compared with plain classifier-free guidance"
    name: Name
    worlds: Annotated[dict[str, TradeOff], Field(min_length=1)]

    @model_validator(mode="after")
    def comparable(self) -> "Comparison":
        """ValueError unless each study is of the world it is filed under, has two sampling seeds, and shares the main sampler."""
        self.filed()
        for name, study in self.worlds.items():
            if len(study.sample_seeds) < 2:
                raise ValueError(f"worlds.{name}.sample_seeds: two seeds at least, or no difference can be tested")
            reference = [curve.ws or () for curve in study.methods if curve.label == REFERENCE]
            if not any(0.0 in ws and len(ws) > 1 for ws in reference):
                raise ValueError(
                    f"worlds.{name}.methods: the reference of the comparison is {REFERENCE} with ws of its own, 0 and others"
                )
        if len({(study.sweeps[0].sampler, study.sweeps[0].steps) for study in self.worlds.values()}) > 1:
            raise ValueError("worlds: the first sweep of each must have one sampler and one number of levels")
        return self
