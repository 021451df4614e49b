"""What configures a study: networks, methods, sweeps, seeds and sizes, and what must fit together."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from experiments.classifier_networks import ClassifierConfig, EvaluatorConfig
from experiments.config import Config
from experiments.fit import Seed
from experiments.networks import ANY_DENOISER, COSINE, DenoiserConfig, DensityConfig
from experiments.sample import MethodConfig, SamplerConfig
from experiments.worlds import WORLDS
from guidance import METHODS
from guidance.seeding import SAMPLES


def different(ws: tuple[float, ...]) -> tuple[float, ...]:
    """`ws`, -0 being 0. ValueError if one stands there twice."""
    ws = tuple(w + 0.0 for w in ws)
    if len(set(ws)) < len(ws):
        raise ValueError("a w stands there twice")
    return ws


Strengths = Annotated[tuple[float, ...], Field(min_length=1), AfterValidator(different)]


class Sweep(Config):
    """One sampler over a grid of w, for the methods of these names (None: for all of the study's)."""

    sampler: SamplerConfig
    ws: Strengths
    methods: tuple[str, ...] | None = None

    def cells(self, methods: "Sequence[Method]") -> "list[tuple[float, Method]]":
        """(w, method) of every cell: each method over its own w, if it has some, or else over the sweep's."""
        mine = [method for method in methods if self.methods is None or method.name in self.methods]
        ws = sorted({w for method in mine for w in method.ws or self.ws})
        return [(w, method) for w in ws for method in mine if w in (method.ws or self.ws)]


class Method(Config):
    """A method to study, those of its options that are not to have their defaults, and its own w (None: the sweep's)."""

    name: str
    options: dict[str, int | float | bool | str | None] = {}
    ws: Strengths | None = None

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

    clean, weak, unconditional: networks that some methods need beside denoiser and classifier (guidance.methods.ROLES); clean
    is a classifier that was never shown noise, of the evaluator's kind but not the evaluator.

    exact: whether the world's exact denoiser and classifier are studied too; or alone, where there is no `denoiser` to
    train. In such a world the truth is the judge and there is no evaluator. logsnr: that of every network.
    """

    name: Annotated[str, Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
    world: str
    exact: bool = False
    logsnr: DensityConfig = COSINE
    denoiser: ANY_DENOISER | None = None
    classifier: ClassifierConfig | None = None
    evaluator: EvaluatorConfig | None = None
    clean: EvaluatorConfig | None = None
    weak: DenoiserConfig | None = None
    unconditional: DenoiserConfig | None = None
    methods: Annotated[tuple[Method, ...], Field(min_length=1)]
    sweeps: Annotated[tuple[Sweep, ...], Field(min_length=1)]
    train_seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    sample_seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    n: Annotated[int, Field(ge=1, le=SAMPLES)] = 1000
    part: Annotated[int, Field(ge=1)] = 500
    clip: Annotated[float, Field(gt=0)] | None = 1.0
    batch: Annotated[int, Field(ge=1)] = 500
    rows: Annotated[int, Field(ge=1)] | None = 250

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        """What one field cannot see. ValueError that names the fields."""
        if self.world not in WORLDS:
            raise ValueError(f"world: there is none called {self.world!r}; known: {', '.join(WORLDS)}")
        every = (self.denoiser, self.classifier, self.evaluator, self.clean, self.weak, self.unconditional)
        networks = [one for one in every if one is not None]
        if {one.world for one in networks} - {self.world}:
            raise ValueError(f"denoiser, classifier, evaluator and further networks must be of the study's world, {self.world}")
        if (self.denoiser is None) != (self.classifier is None) or not (self.denoiser or self.exact):
            raise ValueError("denoiser and classifier: give both, or neither and exact=true")
        noisy = [one for one in (self.denoiser, self.classifier, self.weak, self.unconditional) if one is not None]
        if any(one.seed or one.logsnr != COSINE for one in noisy):
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
        for sweep in self.sweeps:
            for w, method in sweep.cells(self.methods):
                self._possible(sweep, method.at(w))
        samplers = [(sweep.sampler.label, sweep.sampler.steps) for sweep in self.sweeps]
        lists = {"methods": at, "train_seeds": self.train_seeds, "sample_seeds": self.sample_seeds, "sweeps": samplers}
        for name, values in lists.items():
            if len(set(values)) < len(values):
                raise ValueError(f"{name}: an entry stands there twice (sweeps differ by sampler and steps)")
        return self

    def network(self, role: str, seed: int) -> Config | None:
        """What is trained for a role with a training seed, if anything: for a role that no method has, nothing."""
        one: Config | None = getattr(self, role)
        if one is None or (role not in ("denoiser", "classifier") and role not in self._roles()):
            return None
        if isinstance(one, EvaluatorConfig):
            return one.model_copy(update={"seed": one.seed + seed})
        return one.model_copy(update={"seed": seed, "logsnr": self.logsnr})

    def _roles(self) -> set[str]:
        roles = {role for method in self.methods for role in METHODS[method.name].roles}
        return roles | ({"clean"} if "loss" in roles else set())

    def _possible(self, sweep: Sweep, method: MethodConfig) -> None:
        """ValueError for a method that the sampler or the study's networks do not allow."""
        if why := method.build().refuses(sweep.sampler.build()):
            raise ValueError(f"sweeps: {why}")
        kind, trained = METHODS[method.name], self.denoiser is not None
        for role in kind.roles:
            needed = "clean" if role == "loss" else role
            if trained and hasattr(self, needed) and getattr(self, needed) is None:
                raise ValueError(f"methods: {method.name} needs a network for its role {role!r}; set {needed}")
        lacking = {
            "a discriminator of the model's samples, and no study trains one": trained and "discriminator" in kind.roles,
            "a model that knows groups of classes: set denoiser.groups": trained
            and "groups" in kind.needs
            and not self.denoiser.known_groups,
            "a network whose insides can be altered, and an exact model has none": self.exact
            and {"attention", "embedding"} & set(kind.needs),
            f"images, and the samples of {self.world} are points": "image" in kind.needs and len(WORLDS[self.world]().shape) != 3,
        }
        if missing := [words for words, applies in lacking.items() if applies]:
            raise ValueError(f"methods: {method.name} needs {missing[0]}")
