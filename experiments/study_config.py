"""What configures a study: networks, methods, sweeps, seeds and sizes, and what must fit together."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from experiments.config import Config
from experiments.fit import Seed
from experiments.networks import COSINE, ClassifierConfig, DenoiserConfig, DensityConfig, EvaluatorConfig
from experiments.sample import MethodConfig, SamplerConfig
from experiments.worlds import WORLDS
from guidance.seeding import INDICES


class Sweep(Config):
    """One sampler over a grid of w, for the methods of these names (None: for all of the study's)."""

    sampler: SamplerConfig
    ws: Annotated[tuple[float, ...], Field(min_length=1)]
    methods: tuple[str, ...] | None = None

    @field_validator("ws")
    @classmethod
    def different(cls, ws: tuple[float, ...]) -> tuple[float, ...]:
        ws = tuple(w + 0.0 for w in ws)  # -0 is 0
        if len(set(ws)) < len(ws):
            raise ValueError("a w stands there twice")
        return ws


class Method(Config):
    """A method to study, and those of its options that are not to have their defaults."""

    name: str
    options: dict[str, int | float | bool | str | None] = {}

    @model_validator(mode="before")
    @classmethod
    def by_name(cls, value: object) -> object:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def known(self) -> Self:
        self.at(0.0)
        return self

    def at(self, w: float) -> MethodConfig:
        """The method at strength w."""
        return MethodConfig(name=self.name, w=w, options=self.options)


class StudyConfig(Config):
    """All of a study; `name` is the first part of its folder's.

    train_seeds seed denoiser and classifier; the evaluator is one, so that all cells compare.

    A cell is one method at one w, one sampler, one training seed and one sampling seed: n samples, which are measured
    together, and once more in parts of the size of the held-out set. clip, batch and rows are those of SampleConfig.

    exact: whether the world's exact denoiser and classifier are studied too; or alone, where there is no `denoiser` to
    train. In such a world the truth is the judge and there is no evaluator. logsnr: that of every network.
    """

    name: Annotated[str, Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
    world: str
    exact: bool = False
    logsnr: DensityConfig = COSINE
    denoiser: DenoiserConfig | None = None
    classifier: ClassifierConfig | None = None
    evaluator: EvaluatorConfig | None = None
    methods: Annotated[tuple[Method, ...], Field(min_length=1)]
    sweeps: Annotated[tuple[Sweep, ...], Field(min_length=1)]
    train_seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    sample_seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    n: Annotated[int, Field(ge=1, le=INDICES)] = 1000
    part: Annotated[int, Field(ge=1)] = 500
    clip: Annotated[float, Field(gt=0)] | None = 1.0
    batch: Annotated[int, Field(ge=1)] = 500
    rows: Annotated[int, Field(ge=1)] | None = 250

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        """What one field cannot see. ValueError that names the fields."""
        if self.world not in WORLDS:
            raise ValueError(f"world: there is none called {self.world!r}; known: {', '.join(WORLDS)}")
        networks = [one for one in (self.denoiser, self.classifier, self.evaluator) if one is not None]
        if {one.world for one in networks} - {self.world}:
            raise ValueError(f"denoiser, classifier and evaluator must be of the study's world, {self.world}")
        if (self.denoiser is None) != (self.classifier is None) or not (self.denoiser or self.exact):
            raise ValueError("denoiser and classifier: give both, or neither and exact=true")
        if any(one.seed or one.logsnr != COSINE for one in networks if one is not self.evaluator):
            raise ValueError("seed and logsnr of denoiser and classifier are set by train_seeds and logsnr: change those")
        if self.exact != (self.evaluator is None):
            raise ValueError("evaluator: a world whose truth is known needs none, and any other needs one")
        if self.evaluator and (self.evaluator.arch == self.classifier.arch or self.evaluator.seed in self.train_seeds):
            raise ValueError("evaluator: it must be independent of the guide, of another arch and with a seed of its own")
        if self.part > self.n:
            raise ValueError(f"part ({self.part}) cannot exceed n ({self.n})")
        at = [method.at(0.0).label for method in self.methods]
        names = {method.name for method in self.methods}
        if strange := sorted({name for sweep in self.sweeps for name in sweep.methods or ()} - names):
            raise ValueError(f"sweeps: {strange[0]!r} is none of the study's methods, {', '.join(sorted(names))}")
        samplers = [(sweep.sampler.label, sweep.sampler.steps) for sweep in self.sweeps]
        lists = {"methods": at, "train_seeds": self.train_seeds, "sample_seeds": self.sample_seeds, "sweeps": samplers}
        for name, values in lists.items():
            if len(set(values)) < len(values):
                raise ValueError(f"{name}: an entry stands there twice (sweeps differ by sampler and steps)")
        return self


