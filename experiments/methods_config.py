"""What configures the study of all methods: a study for each world, compared as one."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from experiments.config import Config
from experiments.study_config import StudyConfig


class MethodsConfig(Config):
    """Studies by world, whose first sweep is the same sampler with as many levels: that is where methods are compared."""

    name: Annotated[str, Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")] = "methods"
    worlds: Annotated[dict[str, StudyConfig], Field(min_length=1)]

    @model_validator(mode="after")
    def comparable(self) -> Self:
        """ValueError unless each study is of the world it is filed under, has two sampling seeds, and shares the main sampler."""
        for name, one in self.worlds.items():
            if one.world != name:
                raise ValueError(f"worlds.{name}: its study is of {one.world}")
            if len(one.sample_seeds) < 2:
                raise ValueError(f"worlds.{name}.sample_seeds: two seeds at least, or no difference can be judged")
            if not any(method.name == "classifier-free" and 0.0 in (method.ws or ()) for method in one.methods):
                raise ValueError(
                    f"worlds.{name}.methods: classifier-free with w = 0 among its own ws is what others are compared with"
                )
        if len({(one.sweeps[0].sampler.label, one.sweeps[0].sampler.steps) for one in self.worlds.values()}) > 1:
            raise ValueError("worlds: the first sweep of each must have one sampler and one number of levels")
        return self
