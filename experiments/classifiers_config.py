"""What configures the study of classifiers: guides and judges in each world, and what is sampled with which of them."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from experiments.classifier_networks import ClassifierConfig, EvaluatorConfig, JointEnergyConfig
from experiments.config import Config
from experiments.fit import Seed
from experiments.networks import COSINE, DenoiserConfig, DensityConfig
from experiments.sample import GuideConfig, MethodConfig, SamplerConfig
from experiments.study_config import Strengths
from experiments.worlds import WORLDS
from guidance import METHODS


class Guided(Config):
    """One guide at several strengths: a method, the noise-aware classifier it is given by its name among the guides, and how."""

    method: str
    options: dict[str, int | float | bool | str | None] = {}
    classifier: str | None = None
    guide: GuideConfig = GuideConfig()
    ws: Strengths

    @model_validator(mode="after")
    def known(self) -> Self:
        method = self.at(self.ws[0]).build()
        wanted = "classifier" in method.roles and not self.guide.implicit
        if wanted != (self.classifier is not None):
            raise ValueError(f"classifier: {self.method} {'needs the name of a guide' if wanted else 'is given none'}")
        if strange := set(method.roles) - {"model", "classifier", "clean", "levels", "noise"}:
            raise ValueError(f"method: {self.method} needs a network that this study has not, {sorted(strange)[0]}")
        return self

    def at(self, w: float) -> MethodConfig:
        """The method at strength w."""
        return MethodConfig(name=self.method, w=w, options=self.options)


class GuidesConfig(Config):
    """One world: the denoiser, noise-aware guides and clean judges by name, and what is sampled.

    guides: noise-aware classifiers; the first is the one whose Jacobian is measured. clean: the classifier of clean images that
    guides by x-hat. judges: classifiers of clean images that never guide, of other architectures; the first is the evaluator of
    the Frechet distance. In a world whose truth is known the truth takes the place of denoiser and judges in what is sampled.
    joint: a joint energy model, if there is to be one. n_levels, n_implicit: images that are classified by lambda, by
    implicit classifiers too; levels_implicit, noises: of these. probes: of the Jacobians.
    Seeds of every network but the judges are those of train_seeds.
    """

    later: ClassVar = ("probes",)

    world: str
    logsnr: DensityConfig = COSINE
    denoiser: DenoiserConfig
    guides: Annotated[dict[str, ClassifierConfig], Field(min_length=1)]
    clean: EvaluatorConfig
    judges: dict[str, EvaluatorConfig] = {}
    joint: JointEnergyConfig | None = None
    guided: Annotated[dict[str, Guided], Field(min_length=1)]
    sampler: SamplerConfig
    train_seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    sample_seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    n: Annotated[int, Field(ge=1)] = 300
    n_levels: Annotated[int, Field(ge=1)] = 500
    n_implicit: Annotated[int, Field(ge=1)] = 100
    levels_implicit: Annotated[int, Field(ge=1)] = 8
    noises: Annotated[int, Field(ge=1)] = 1
    probes: Annotated[int, Field(ge=1)] = 4
    clip: Annotated[float, Field(gt=0)] | None = 1.0
    batch: Annotated[int, Field(ge=1)] = 500
    rows: Annotated[int, Field(ge=1)] | None = 250

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        """What one field cannot see. ValueError that names the fields."""
        if self.world not in WORLDS:
            raise ValueError(f"world: there is none called {self.world!r}; known: {', '.join(WORLDS)}")
        world = WORLDS[self.world]()
        every = [self.denoiser, self.clean, *self.guides.values(), *self.judges.values(), *([self.joint] if self.joint else [])]
        if {one.world for one in every} - {self.world}:
            raise ValueError(f"denoiser, guides, clean, judges and joint must be of the study's world, {self.world}")
        if any(one.seed or one.logsnr != COSINE for one in (self.denoiser, *self.guides.values())):
            raise ValueError("seed and logsnr of denoiser and guides are set by train_seeds and logsnr: change those")
        if world.exact is None and len(self.judges) < 2:
            raise ValueError("judges: two at least, where the truth is unknown")
        if world.exact is not None and (self.judges or self.joint):
            raise ValueError(f"judges, joint: the truth of {self.world} is known and judges; leave both out")
        arches = {one.arch for one in (self.clean, *self.guides.values())} & {one.arch for one in self.judges.values()}
        if arches or len({one.arch for one in self.judges.values()}) < len(self.judges):
            raise ValueError(
                f"judges: each of an architecture of its own that no guide has, not {', '.join(arches) or 'the same'}"
            )
        if strange := {one.classifier for one in self.guided.values() if one.classifier} - set(self.guides):
            raise ValueError(f"guided: {sorted(strange)[0]!r} is none of the guides, {', '.join(self.guides)}")
        for label, one in self.guided.items():
            for w in one.ws:
                if why := one.at(w).build().refuses(self.sampler.build()):
                    raise ValueError(f"guided.{label}: {why}")
            if lacking := {"attention", "embedding", "groups"} & set(METHODS[one.method].needs):
                raise ValueError(f"guided.{label}: {one.method} needs {sorted(lacking)[0]}, which this study's models have not")
        return self


class ClassifiersConfig(Config):
    """The study of classifiers: a world, or several."""

    name: Annotated[str, Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")] = "classifiers"
    worlds: Annotated[dict[str, GuidesConfig], Field(min_length=1)]

    @model_validator(mode="after")
    def filed(self) -> Self:
        for name, one in self.worlds.items():
            if one.world != name:
                raise ValueError(f"worlds.{name}: its study is of {one.world}")
        return self
