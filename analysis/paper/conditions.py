"""Under what conditions numbers were made, and whether those of a study could be equal to a paper's or have only its shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analysis.metrics import column
from analysis.results import Results


@dataclass(frozen=True)
class Conditions:
    """What FID, Inception score, precision and recall depend on.

    data: the world's label; features: the network's; protocol: of the evaluation, "ours" or "adm"; n: samples of a number;
    sampler: as a table names it, with its grid where that is not u's; steps: those sampled with. density: in whose quantiles u
    the levels are even; "" where the grid's levels are a chain's own. clip: the x of every step is clipped to [-clip, clip];
    "" where a paper does not say. words: data and features as one says them. weights: whether the networks are the paper's own.
    """

    data: str
    features: str
    protocol: str
    n: int
    sampler: str
    steps: tuple[int, ...]
    density: str = ""
    clip: float | str | None = ""
    words: tuple[str, str] = ("", "")
    weights: bool = True

    @property
    def said(self) -> str:
        """In one line, for the head of a panel."""
        data, features = (own or known for own, known in zip(self.words, (self.data, self.features)))
        return f"{data}, {features} features, n = {self.n:,}"


# Ho & Salimans do not say how labels were drawn: the evaluation of the numbers with which they compare theirs
CFG_TABLE1 = Conditions(
    "imagenet64-area",
    "inception",
    "adm",
    50_000,
    "ancestral",
    (256,),
    density="cosine [-20, 20]",
    words=("ImageNet 64x64", "Inception-v3"),
    weights=False,
)
CFG_TABLE2 = Conditions(
    "imagenet128-area",
    "inception",
    "adm",
    50_000,
    "ancestral(v=0.2)",
    (128, 256, 1024),
    density="cosine [-20, 20]",
    words=("ImageNet 128x128", "Inception-v3"),
    weights=False,
)
ADM_TABLE4 = Conditions(
    "images-imagenet-256-adm",
    "inception",
    "adm",
    50_000,
    "ancestral(v=None) on strided(spacing=linspace)",  # space_timesteps("250") of guided-diffusion: 0 to 999 evenly, rounded
    (250,),
    clip=1.0,  # clip_denoised of its scripts
    words=("ImageNet 256x256", "Inception-v3"),
)
# features and protocol by the columns' suffix, the best first
EVALUATED = {"inception-adm": ("inception", "adm"), "inception": ("inception", "ours")}


def features_of(results: Results) -> str:
    """The suffix of the columns that are set beside the papers' numbers: Inception's where the study has them, by ADM's
    evaluation rather than by ours, or else its own evaluator's.
    """
    held = set(results.columns)
    return next((suffix for suffix in EVALUATED if {f"fid_{suffix}", f"is_{suffix}"} <= held), results.world.name)


def column_of(measure: str, results: Results) -> str:
    """The column of "fid", "is", ... beside the papers' numbers; sFID is FID on Inception's spatial layer."""
    suffix = features_of(results)
    if measure == "sfid" and suffix in EVALUATED:
        return column("fid", suffix.replace("inception", "inception-spatial"))
    return column(measure, suffix)


def conditions(results: Results) -> Conditions:
    """Those of a study of one world: of its main sampler, at all numbers of steps."""
    sampled = results.sampled[results.sampled["sampler"] == results.sampler]
    steps = tuple(sorted({int(count) for count in sampled["steps"]}))
    features, protocol = EVALUATED.get(suffix := features_of(results), (suffix, "ours"))
    base = results.values.get("base", results.values)
    name, n = results.world.name, results.n[results.world.name]
    return Conditions(name, features, protocol, n, results.sampler, steps, _density(base.get("density")), base.get("clip", ""))


def differences(ours: Conditions, paper: Conditions) -> list[str]:
    """What the two do not share, each as "n (1,000, not 50,000)"; empty where numbers could be equal."""
    data, features = (own or known for own, known in zip(paper.words, (paper.data, paper.features)))
    found = [f"data ({ours.data}, not {data})"] if ours.data != paper.data else []
    found += [f"features ({ours.features}, not {features})"] if ours.features != paper.features else []
    found += [f"evaluation ({ours.protocol}, not {paper.protocol})"] if ours.protocol != paper.protocol else []
    found += [f"n ({ours.n:,}, not {paper.n:,})"] if ours.n != paper.n else []
    found += [f"sampler ({ours.sampler}, not {paper.sampler})"] if ours.sampler != paper.sampler else []
    found += [f"levels (u of {ours.density}, not {paper.density})"] if paper.density and ours.density != paper.density else []
    found += [f"clipping of x ({ours.clip}, not {paper.clip})"] if paper.clip != "" and ours.clip != paper.clip else []
    found += [f"T ({_either(ours.steps)}, not {_either(paper.steps)})"] if set(ours.steps) != set(paper.steps) else []
    return found


def verdict(ours: Conditions, paper: Conditions) -> str:
    """The sentence under every figure and table that shows both."""
    found = differences(ours, paper)
    if not found:
        own = "with the paper's networks" if paper.weights else "up to another training: the paper's networks are not public"
        return f"These numbers could be equal {own}: data, features, evaluation, n, sampler, levels and T are the paper's."
    return f"Shape only, no number can be equal: other {', '.join(found)}, and other networks."


def _density(values: Mapping[str, Any] | None) -> str:
    """A density of lambda as a study's values hold it: its name, its ends and its other options."""
    if not values:
        return "an unknown density"
    options = [f"{name} = {value:g}" for name, value in values.items() if name not in ("is", "min", "max")]
    return ", ".join([f"{values['is']} [{values['min']:g}, {values['max']:g}]", *options])


def _either(steps: tuple[int, ...]) -> str:
    return "/".join(map(str, steps))
