"""What is measured of a denoiser on test images: errors by lambda, image by image, for right, null and wrong labels.

Every statistic is a mean over the dimensions of one image, so that differences between two can be paired, and have a standard
error over images. The same noise is used for all of them, and at every lambda.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from experiments.levels import Levels
from experiments.problems import Problem
from guidance.denoiser import Denoiser
from guidance.diffusion import Prediction, add_noise
from guidance.noise import SampleNoise
from guidance.seeding import generator

WANTED = torch.linspace(-8, 8, 10)
BAND = 5.0  # |lambda| up to which a prediction says something of the data that neither prior nor z says alone
OFFSET = 1.0  # of the lambda that the network is told, against that of z
MOST_CLASSES = 64  # that the null label is compared with
NOISY, ALIKE = -4.0, 1e-3  # the lambda of that comparison; the share of the largest difference that makes none


@dataclass(frozen=True)
class Measured:
    """Of L levels and n images, per dimension.

    levels: lambda. x, eps: error of x and of eps with the right label; wrong, null: of x with a wrong label (None: the world has
    one class) and with the null label (None: the denoiser has none, and no_null says why). null_size: mean squared difference
    of null and conditional x. null_is: a class whose prediction the null label's is. bias: mean of x^ - x. along, power:
    <x - m, x^ - m> and <x^ - m, x^ - m>, m the mean image. trivial: error of the better of the mean image and z / alpha. told: by
    how much more lambda the network is told than z has, and the errors of x then; NaN outside the band. variance: of a
    dimension around the mean image.
    """

    levels: Float[Tensor, " L"]
    x: Float[Tensor, "L n"]
    eps: Float[Tensor, "L n"]
    wrong: Float[Tensor, "L n"] | None
    null: Float[Tensor, "L n"] | None
    null_size: Float[Tensor, "L n"] | None
    no_null: str | None
    null_is: int | None
    bias: Float[Tensor, "L n"]
    along: Float[Tensor, "L n"]
    power: Float[Tensor, "L n"]
    trivial: Float[Tensor, " L"]
    told: tuple[tuple[Float[Tensor, " L"], Float[Tensor, "L n"]], ...]
    variance: float

    @property
    def band(self) -> Tensor:
        """Which levels are neither all noise nor all data."""
        return self.levels.abs() <= BAND


def measure(
    denoiser: Denoiser,
    x: Float[Tensor, "n *shape"],
    label: Int[Tensor, " n"],
    classes: int,
    levels: Levels,
    rows: int = 16,
    seed: int = 0,
    ticked: Callable[[], None] = lambda: None,
) -> Measured:
    """Denoises images at ten lambdas, `rows` at a time; `ticked` is called after every level. Problem for fewer than 8 images,
    or for levels that leave no band.
    """
    if len(x) < 8:
        raise Problem(f"a check needs 8 images or more, not {len(x)}: raise --n")
    near = [value for value in WANTED.tolist() if levels.low - 0.5 < value < levels.high + 0.5]
    wanted = levels.nearest(torch.tensor(near)).unique()
    if int((wanted.abs() <= BAND).sum()) < 3:
        raise Problem(f"the denoiser's lambdas reach from {levels.low:.3g} to {levels.high:.3g} only: there is nothing to check")
    eps = SampleNoise(seed, range(len(x)), tuple(x.shape[1:]), x.device, "test")()
    offset = torch.randint(1, max(2, classes), (len(x),), generator=generator("test", seed, len(x)))
    other = (label + offset.to(label)) % classes if classes > 1 else None
    mean, tables = x.mean(0), []
    variance = x.var(0).mean().item()
    no_null, has_null = None, True

    def ask(z: Tensor, value: float, given: Tensor | None) -> Prediction:
        parts = [slice(start, start + rows) for start in range(0, len(z), rows)]
        preds = [denoiser(z[at], z.new_full((len(z[at]),), value), None if given is None else given[at]) for at in parts]
        return Prediction(*(torch.cat([getattr(pred, name) for pred in preds]) for name in ("x", "eps")))

    def error(pred: Prediction) -> Tensor:
        return each(pred.x - x, pred.x - x)

    for value in wanted.tolist():
        z = add_noise(x, eps, x.new_full((len(x),), value))
        pred = ask(z, value, label)
        row = {"x": error(pred), "eps": each(pred.eps - eps, pred.eps - eps), "bias": (pred.x - x).flatten(1).mean(1)}
        row |= {"along": each(x - mean, pred.x - mean), "power": each(pred.x - mean, pred.x - mean)}
        row |= {} if other is None else {"wrong": error(ask(z, value, other))}
        if has_null:
            try:
                null = ask(z, value, None)
                row |= {"null": error(null), "null_size": each(null.x - pred.x, null.x - pred.x)}
            except ValueError as refused:  # an adapter's word for a network that has no null label
                no_null, has_null = " ".join(str(refused).split()), False
        for name, by in (("less", -OFFSET), ("more", OFFSET)):
            told = levels.nearest(torch.tensor([value + by])).item()
            inside = abs(value) <= BAND and told != value
            row[name] = error(ask(z, told, label)) if inside else torch.full_like(row["x"], torch.nan)
            row[f"{name} by"] = torch.tensor(told - value)
        tables.append(row)
        ticked()
    of = {name: torch.stack([row[name] for row in tables]).double().cpu() for name in tables[0]}
    return Measured(
        levels=wanted,
        **{name: of[name] for name in ("x", "eps", "bias", "along", "power")},
        **{name: of.get(name) if has_null else None for name in ("null", "null_size")},
        wrong=of.get("wrong"),
        no_null=no_null,
        null_is=_class_of_null(denoiser, x[:2], eps[:2], levels, label, classes) if has_null else None,
        trivial=torch.minimum(torch.full_like(wanted, variance), (-wanted).exp()),
        told=tuple((of[f"{name} by"], of[name]) for name in ("less", "more")),
        variance=variance,
    )


def each(a: Tensor, b: Tensor) -> Float[Tensor, " n"]:
    """The mean of a b over the dimensions of each image."""
    return (a * b).flatten(1).mean(1)


def _class_of_null(denoiser: Denoiser, x: Tensor, eps: Tensor, levels: Levels, label: Tensor, classes: int) -> int | None:
    """The class whose prediction the null label's is, of those that a mistake is likely to name and of those at hand.

    z is mostly noise: where it says which class it is of, the null prediction may well be that of one class.
    """
    logsnr = levels.nearest(torch.tensor([NOISY])).to(x).expand(len(x))
    z, apart = add_noise(x, eps, logsnr), {}
    null = denoiser(z, logsnr, None).x
    for c in dict.fromkeys([0, classes - 1, *label.tolist()[:MOST_CLASSES]]):
        apart[c] = (denoiser(z, logsnr, torch.full_like(label[: len(x)], c)).x - null).abs().max().item()
    nearest = min(apart, key=lambda c: apart[c])
    return nearest if apart[nearest] <= ALIKE * max(apart.values()) else None
