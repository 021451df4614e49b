"""The one table in which a metric is described: its words, its unit, which direction is better, what it needs.

A *column* is the name that a metric has in a study's table: `Metric.name`, and for those that depend on what is behind them a
suffix: `fid_<features>`, features being the data that the evaluator was trained on; `accuracy_by_<classifier>`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple


@dataclass(frozen=True)
class Metric:
    """One metric.

    name              its column, without the suffix
    title             in words; unit: "" where there is none, or where it is that of the data
    higher_is_better  None where neither direction is; `reading` then says what a higher value means
    needs             of what it can be measured: "evaluator" and "pixels" of images; "oracle" of exact worlds and "plane" of one
                      in two dimensions; "classifier" where the samples or images are classified by a network
    log, share        whether a logarithmic axis suits it, or one of shares from 0 to 1
    suffix            what its suffix names, "features" or "classifier"; of: the suffix, once it is known
    shown             2: in the main table; 1: in the report's table only; 0: in neither
    diversity, alike  of a measure of quality: the metric (names) at equal values of which methods are compared by it, and those
                      that must agree for two sets of samples to count as alike
    error_of          the metric (name) whose standard error it is
    """

    name: str
    title: str
    unit: str = ""
    higher_is_better: bool | None = None
    needs: tuple[str, ...] = ()
    log: bool = False
    share: bool = False
    reading: str = ""
    suffix: str = ""
    of: str = ""
    shown: int = 0
    diversity: str = ""
    alike: tuple[str, ...] = ()
    error_of: str = ""

    @property
    def column(self) -> str:
        """The name in the table."""
        return f"{self.name}_{self.of}" if self.of else self.name

    @property
    def direction(self) -> str:
        """ "lower is better", "higher is better", what a higher value means, or nothing."""
        return {True: "higher is better", False: "lower is better", None: self.reading}[self.higher_is_better]

    @property
    def heading(self) -> str:
        """The title of a figure: in words, with the direction."""
        return self._directed(self.title)

    @property
    def label(self) -> str:
        """The name of an axis: `axis` with the direction."""
        return self._directed(self.axis)

    @property
    def words(self) -> str:
        """In words, with the features or classifier behind it."""
        behind = {"features": f" on {self.of} features", "classifier": f" by {self.of}"}.get(self.suffix, "") if self.of else ""
        return f"{self.title}{behind}"

    @property
    def axis(self) -> str:
        """`words` and the unit."""
        return f"{self.words}, {self.unit}" if self.unit and self.unit not in self.title else self.words

    def _directed(self, text: str) -> str:
        if not self.direction:
            return text
        bracketed = text.endswith(")") and " (" in text  # one pair of brackets is enough
        return f"{text[:-1]}, {self.direction})" if bracketed else f"{text} ({self.direction})"


class Comparison(NamedTuple):
    """The columns by which methods are compared in a world: a quality, a diversity, and what must agree to count as alike."""

    quality: str
    diversity: str
    alike: tuple[str, ...]


MAX_PIXELS = 1024  # numbers in an image above which no Fréchet distance of pixels is taken: the root grows with their third power
_TILTED, _ORACLE, _EVALUATOR = ("oracle", "plane"), ("oracle",), ("evaluator",)
METRICS: tuple[Metric, ...] = (  # tables and comparisons take columns in this order: the most exact measure first
    # samples of an exact world
    Metric("kl_tilted", "KL divergence from the tilted density", "nats", False, _TILTED, True, shown=2,
           diversity="std_within_class", alike=("std_within_class", "nll_exact", "confidence_exact", "frechet_exact")),
    Metric("wasserstein_tilted", "sliced Wasserstein distance to the tilted density", "", False, _TILTED, True, shown=2),
    Metric("frechet_exact", "Fréchet distance to the exact moments", "", False, _ORACLE, True, shown=2,
           diversity="std_within_class", alike=("frechet_exact", "frechet_class_exact", "std_within_class", "nll_exact")),
    Metric("is_exact", "Inception score, exact classifier", "", True, _ORACLE, shown=2),
    Metric("accuracy_exact", "accuracy, exact classifier", "", True, _ORACLE, share=True, shown=2),
    Metric("nll_exact", "exact −log p(x|c), nats per dimension", "nats per dimension", None, _ORACLE, shown=2,
           reading="lower is sharper"),
    Metric("mmd_tilted", "squared MMD to the tilted density", "", False, _TILTED, True, shown=1),
    Metric("std_within_class", "standard deviation within a class", "", None, _ORACLE, shown=1, reading="higher is more diverse"),
    Metric("frechet_class_exact", "Fréchet distance within a class", "", False, _ORACLE, True),
    Metric("confidence_exact", "mean p(label | x), exact classifier", "", True, _ORACLE, share=True),
    Metric("mean_error_tilted", "error of the class means", "", False, _TILTED, True),
    Metric("outside_tilted", "share of samples outside the grid", "", False, _TILTED, share=True),
    Metric("shift_along", "shift along the class direction", "standard deviations", reading="higher is further outwards"),
    Metric("variance_along", "variance along the class direction, over the exact one", reading="below 1 is shrunk"),
    Metric("distortion", "squared distance from the exact class", "squared standard deviations", False),
    Metric("boundary_distance", "distance to the nearest boundary", "standard deviations", reading="higher is further inside"),
    # samples of images
    Metric("fid", "Fréchet distance", "", False, _EVALUATOR, True, suffix="features", shown=2,
           diversity="diversity", alike=("fid", "diversity", "recall", "is", "fid_pixels")),
    Metric("fid_pixels", f"Fréchet distance of pixels (of at most {MAX_PIXELS:,} numbers)", "", False, ("pixels",), True, shown=1,
           diversity="diversity_pixels", alike=("fid_pixels", "diversity_pixels")),
    Metric("is", "Inception score", "", True, _EVALUATOR, suffix="features", shown=2),
    Metric("precision", "precision", "", True, _EVALUATOR, share=True, suffix="features", shown=1),
    Metric("recall", "recall", "", True, _EVALUATOR, share=True, suffix="features", shown=1),
    Metric("accuracy_evaluator", "accuracy, independent evaluator", "", True, _EVALUATOR, share=True, shown=2),
    Metric("accuracy_guide", "accuracy, noise-aware classifier", "", True, ("classifier",), share=True, shown=1),
    Metric("diversity", "cosine distance within a class", "", None, _EVALUATOR, suffix="features", shown=2,
           reading="higher is more diverse"),
    Metric("diversity_pixels", "RMS pixel distance within a class", "", None, ("pixels",), shown=1,
           reading="higher is more diverse"),
    Metric("accuracy_by", "share assigned the intended label", "", None, ("classifier",), share=True, suffix="classifier"),
    Metric("calibration_error_by", "calibration error, intended labels", "", False, ("classifier",), True, suffix="classifier"),
    Metric("nll_by", "−log p(intended label | x)", "nats", False, ("classifier",), True, suffix="classifier"),
    Metric("label_entropy_by", "entropy of the assigned labels, over its maximum", "", True, ("classifier",), share=True,
           suffix="classifier"),
    Metric("mind", "Monge Inception distance", "", False, _EVALUATOR, True, suffix="features", shown=1),
    Metric("kid", "kernel Inception distance", "", False, _EVALUATOR, suffix="features", shown=1),
    Metric("kid_se", "standard error of the kernel Inception distance", "", None, _EVALUATOR, suffix="features", error_of="kid"),
    Metric("fid_infinity", "Fréchet distance extrapolated to infinite n", "", False, _EVALUATOR, suffix="features", shown=1),
    Metric("fid_infinity_se", "standard error of the extrapolated Fréchet distance", "", None, _EVALUATOR, suffix="features",
           error_of="fid_infinity"),
    Metric("fid_class", "Fréchet distance within a class", "", False, _EVALUATOR, True, suffix="features"),
    Metric("clipped_density", "clipped density", "", True, _EVALUATOR, share=True, suffix="features", shown=1),
    Metric("clipped_coverage", "clipped coverage", "", True, _EVALUATOR, share=True, suffix="features", shown=1),
    Metric("density", "density", "", True, _EVALUATOR, suffix="features"),
    Metric("coverage", "coverage", "", True, _EVALUATOR, share=True, suffix="features"),
    Metric("vendi", "Vendi score", "different samples", None, _EVALUATOR, suffix="features", reading="higher is more diverse"),
    Metric("vendi_class", "Vendi score within a class", "different samples", None, _EVALUATOR, suffix="features",
           reading="higher is more diverse"),
    Metric("nearest_train", "distance to the nearest training image, over that between training images", "", None, _EVALUATOR,
           suffix="features", reading="lower is nearer to copies"),
    Metric("nearest_train_pixels", "pixel distance to the nearest training image, over that between training images", "", None,
           ("pixels",), reading="lower is nearer to copies"),
    Metric("copies", "share of copies of training images", "", False, _EVALUATOR, share=True, suffix="features"),
    Metric("copies_pixels", "share of copies of training images, by pixels", "", False, ("pixels",), share=True),
    Metric("saturation", "mean |x| of pixels", "", None, ("pixels",), share=True, reading="higher is more saturated"),
    Metric("clipped_pixels", "share of pixels at the bounds", "", None, ("pixels",), share=True,
           reading="higher is more saturated"),
    # what a sample costs, and how hard it was guided
    Metric("nfe", "network evaluations per sample", "evaluations", False),
    Metric("nfe_denoiser_forward", "denoiser forwards per sample", "forwards", False),
    Metric("nfe_denoiser_backward", "denoiser backwards per sample", "backwards", False),
    Metric("nfe_classifier_forward", "classifier forwards per sample", "forwards", False),
    Metric("nfe_classifier_backward", "classifier backwards per sample", "backwards", False),
    Metric("nfe_weak_forward", "weak model's forwards per sample", "forwards", False),
    Metric("seconds_per_sample", "seconds per sample", "seconds", False),
    Metric("peak_memory_mib", "peak memory", "MiB", False),
    Metric("effective_w", "effective w"),
    Metric("cfg_residual", "part of the update that no scale of classifier-free guidance explains"),
    # networks, by lambda or on clean images
    Metric("eps_loss_conditional", "MSE of eps, conditional", "", False, log=True),
    Metric("eps_loss_null", "MSE of eps, unconditional", "", False, log=True),
    Metric("accuracy", "accuracy", "", True, ("classifier",), share=True),
    Metric("nll", "−log p(label | z)", "nats", False, ("classifier",), True),
    Metric("calibration_error", "calibration error", "", False, ("classifier",), True),
    Metric("robust_accuracy", "accuracy after an attack on z", "", True, ("classifier",), share=True),
    Metric("kl_exact", "KL from the exact p(c | z)", "nats", False, ("classifier", "oracle"), True),
    Metric("gradient_cosine", "cosine with the exact gradient", "", True, ("classifier", "oracle")),
    Metric("gradient_ratio", "length of the gradient over the exact one's", "", None, ("classifier", "oracle"), True),
)  # fmt: skip
_BY_NAME = {each.name: each for each in METRICS}  # and those of other packages, as they are described


def describe(new: Metric) -> None:
    """Adds the metric of another package, or replaces it. ValueError for a name of METRICS."""
    if any(known.name == new.name for known in METRICS):
        raise ValueError(f"{new.name} is a metric of this package: give yours another name")
    _BY_NAME[new.name] = new


def metric(column: str) -> Metric:
    """The metric of a column, its suffix resolved; an unknown column is a metric whose title is the column."""
    if (known := _BY_NAME.get(column)) and not known.suffix:
        return known
    suffixed = [one for one in _BY_NAME.values() if one.suffix and column.startswith(f"{one.name}_")]
    if suffixed:  # fid_class_digits is fid_class, though fid of "class_digits" would be called so too
        longest = max(suffixed, key=lambda one: len(one.name))
        return replace(longest, of=column.removeprefix(f"{longest.name}_"))
    return known or Metric(column, column)


def column(name: str, features: str = "") -> str:
    """The column of the metric called `name`, on these features (or by this classifier) if it depends on any.

    ValueError for a metric that needs a suffix and is given none.
    """
    described = _BY_NAME.get(name) or Metric(name, name)
    if described.suffix and not features:
        raise ValueError(f"{name} depends on the {described.suffix} behind it: say which")
    return replace(described, of=features).column if described.suffix else name


def columns_of(name: str, columns: Iterable[str]) -> list[str]:
    """Those of `columns` that hold the metric called `name`: several where it was measured on several features."""
    return [candidate for candidate in dict.fromkeys(columns) if metric(candidate).name == name]


def main_columns(columns: Iterable[str], *, report: bool = False) -> list[str]:
    """Those of `columns` that a main table shows, in its order; `report`: with those that only a report has room for."""
    present = list(dict.fromkeys(columns))
    return [
        candidate
        for kind in _BY_NAME.values()
        if kind.shown >= (1 if report else 2)
        for candidate in columns_of(kind.name, present)
    ]


def comparison(columns: Iterable[str]) -> Comparison:
    """How methods are compared where these columns were measured: by the first quality in METRICS that is there.

    ValueError if there is no quality together with its diversity.
    """
    present = list(dict.fromkeys(columns))
    for kind in _BY_NAME.values():
        for quality in columns_of(kind.name, present) if kind.diversity else ():
            features = metric(quality).of
            diversity, *alike = (column(name, features) for name in (kind.diversity, *kind.alike))
            if diversity in present:
                return Comparison(quality, diversity, tuple(name for name in alike if name in present))
    wanted = ", ".join(f"{kind.name} and {kind.diversity}" for kind in METRICS if kind.diversity)
    raise ValueError(f"the table has no quality with its diversity ({wanted}): it has {', '.join(present) or 'nothing'}")
