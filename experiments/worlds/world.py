"""What every world is: a frozen value that knows its shape and classes, and loads its data when they are needed."""

from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from experiments.problems import Problem
from experiments.worlds.pixels import Pixels
from guidance.mixture import Mixture

LOGSNR_CLEAN = 60.0  # lambda at which z equals x: sigma is 1e-13


@dataclass(frozen=True)
class Labelled:
    """A labelled set: x (n, *shape) float32, images in [-1, 1] or points, a tensor or Pixels, which become floats where they are
    indexed; label (n,) int64. flip: whether training turns every other image left to right.
    """

    x: Float[Tensor, "n *shape"] | Pixels
    label: Int[Tensor, " n"]
    flip: bool = False

    def subset(self, rows: Any) -> "Labelled":
        """These rows (a tensor of numbers or booleans, or a slice); those of Pixels stay bytes."""
        x = self.x.subset(rows) if isinstance(self.x, Pixels) else self.x[rows]
        return Labelled(x, self.label[rows], self.flip)


class _Copied:
    """A field that is read as a copy: `.float()` and `.to(device)` change a module in place, and data are shared."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.slot = f"_{name}"

    def __get__(self, instance: object, owner: type | None = None) -> Mixture | None:
        return None if instance is None else deepcopy(vars(instance)[self.slot])

    def __set__(self, instance: object, value: Mixture | None) -> None:
        vars(instance)[self.slot] = value


@dataclass(frozen=True)
class Data:
    """A data set with its fixed split, or a distribution with a density in closed form, or both; and its card, for the report.

    train, test: None for a world that no network is trained on. oracle: the exact model of the distribution,
    None where it is unknown. Every read of it gives a copy.
    """

    card: dict[str, str]
    train: Labelled | None = None
    test: Labelled | None = None
    oracle: _Copied = _Copied()

    @property
    def weak(self) -> Mixture | None:
        """A degraded oracle, for methods that guide away from a worse model: every component half as wide again in variance."""
        oracle = self.oracle
        return None if oracle is None else oracle.widened(oracle.variances.mean().item() / 2)


class World:
    """Base of every world, which is also a `value` (or any frozen dataclass). A package brings its own by the entry point
    guidance_bench.worlds.

    name: by which it is registered. classes, shape: of the labels and of one sample. exact: whether it has an exact oracle.
    trains: whether it has images or points to train networks on. An exact world may say where its x is clipped, by `clip`.
    """

    name: ClassVar[str]
    classes: int
    shape: tuple[int, ...]
    exact: ClassVar[bool] = False
    trains: ClassVar[bool] = True

    @property
    def label(self) -> str:
        """Its name in tables, metrics, titles and names of files; it tells apart the sets that one class may stand for."""
        return self.name

    def load(self) -> Data:
        """The data; called once a process, by `data`."""
        raise NotImplementedError


def clip_of(world: Any) -> float | None:
    """Where the x of a world is clipped: images at 1, and an exact world's, which may lie beyond, where it says, or nowhere."""
    return getattr(world, "clip", None if world.exact else 1.0)


@lru_cache(maxsize=8)
def data(world: World) -> Data:
    """The data of a world, loaded once. Problem where they do not match the world's declaration."""
    loaded = world.load()
    if (loaded.oracle is not None) != world.exact or (loaded.train is not None) != world.trains:
        raise Problem(f"{world.label} says exact={world.exact} and trains={world.trains}, but what it loads is not so")
    for labelled in [labelled for labelled in (loaded.train, loaded.test) if labelled is not None]:
        low, high = int(labelled.label.min()), int(labelled.label.max())
        if low < 0 or high >= world.classes:
            raise Problem(f"{world.label} says it has {world.classes} classes, but its labels reach from {low} to {high}")
        if tuple(labelled.x.shape[1:]) != tuple(world.shape):
            raise Problem(f"{world.label} says a sample is {world.shape}, but it loads {tuple(labelled.x.shape[1:])}")
    if loaded.oracle is not None and loaded.oracle.classes != world.classes:
        raise Problem(f"{world.label} says it has {world.classes} classes, but its oracle has {loaded.oracle.classes}")
    return loaded
