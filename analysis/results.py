"""What a report or a notebook is made of: plain data, whoever made it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.measures.grid import GridDensity
from analysis.table import COLUMNS, REAL, read_table, summarise

NO_TRAINING = -1  # instead of a training seed: the exact model, or data that no network generated
Draw = Callable[[], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class WorldFacts:
    """What a report says of a world.

    card         what a reader should know of the data, line by line
    exact        whether density, score, denoiser and classifier are known; train_size: training images, None without any
    densities    of an exact world in the plane: w -> the density p(x|c) p(c|x)^w / Z of every class; marginal: that of x
    guides       by label of the guided methods the classifier that guided (None: another network did), in order
    classifiers  the names, in `accuracy_by_<name>`, of classifiers that may guide; evaluators: of those that never do
    n_levels, n_implicit  test images classified by lambda, by classifiers and by implicit ones
    """

    name: str
    classes: int
    shape: tuple[int, ...]
    card: Mapping[str, str]
    exact: bool
    train_size: int | None = None
    densities: Callable[[float], Sequence[GridDensity]] | None = None
    marginal: Callable[[], GridDensity] | None = None
    guides: Mapping[str, str | None] = field(default_factory=dict)
    evaluators: Sequence[str] = ()
    classifiers: Sequence[str] = ()
    n_levels: int = 0
    n_implicit: int = 0

    @property
    def in_the_plane(self) -> bool:
        """Whether samples are points of the plane."""
        return tuple(self.shape) == (2,)


@dataclass(frozen=True, eq=False)
class Cell:
    """One set of samples: a method at one w, with one sampler of so many steps, one training seed, one sampling seed.

    method and sampler are the table's labels. draw() loads the samples, images uint8 (n, h, w, c) or x float32 (n, *shape), and
    their labels (n,). sha256: of the float32 values. device: its name as the report tells it. shown: its first samples as a page
    has them (analysis.reports.samples), of a cell whose samples are not there.
    """

    world: str
    train_seed: int
    method: str
    w: float
    sampler: str
    steps: int
    seed: int
    draw: Draw
    sha256: str
    device: str = ""
    shown: Mapping[str, Any] | None = None


@dataclass(frozen=True, eq=False)
class Results:
    """A study, done.

    table           tidy, of `analysis.table`; without rows if every cell failed
    cells           in the order of the study; sampler, steps: of the main sweep, where methods are compared; samplers: by world,
                    where worlds have grids of their own
    n, part         by world: samples of a cell, and of the parts that are measured beside as many test images
    tables          by name, each with a column `world`, where there is something to tell:
                    networks       train_seed, network, metric, logsnr (NaN for classifiers of clean images), value
                    network_error  train_seed, quantity, logsnr, value
                    by_level       train_seed, classifier, metric, logsnr, value
                    jacobian       train_seed, of, field, logsnr, value, sd
                    scales         method, fine, coarse: the shares of w of methods with two scales
    families        by method's label, or its name without options, the family it belongs to
    values          the whole configuration, as JSON can hold it; provenance: of the first cell
    failed          by cell, in words, why it failed
    others          by (world, label) samples that no method made
    device          where the study ran, as torch calls it: "cpu", "cuda", "cuda:1"
    folder          where its table, figures and page are, once they are made
    command         the command that makes the study again, if it is known
    """

    name: str
    title: str
    worlds: Mapping[str, WorldFacts]
    table: pd.DataFrame
    cells: Sequence[Cell]
    sampler: str
    steps: int
    n: Mapping[str, int]
    part: Mapping[str, int] = field(default_factory=dict)
    samplers: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    families: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[tuple[str, str], Draw] = field(default_factory=dict)
    device: str = "cpu"
    folder: Path | None = None
    command: str = ""

    def of(self, world: str) -> "Results":
        """One world's part; `failed` stays whole, for a cell's words need not name its world."""

        def of_world(frame: pd.DataFrame) -> pd.DataFrame:
            return frame[frame["world"] == world] if "world" in frame else frame

        return replace(
            self,
            worlds={world: self.worlds[world]},
            table=of_world(self.table),
            cells=[cell for cell in self.cells if cell.world == world],
            sampler=self.samplers.get(world, self.sampler),
            n={world: self.n[world]},
            part={name: part for name, part in self.part.items() if name == world},
            tables={name: of_world(frame) for name, frame in self.tables.items()},
            others={key: draw for key, draw in self.others.items() if key[0] == world},
        )

    @property
    def world(self) -> WorldFacts:
        """The only world. ValueError if there are several: take `of` first."""
        if len(self.worlds) != 1:
            raise ValueError(f"there are the worlds {', '.join(self.worlds)}: take one with `of`")
        return next(iter(self.worlds.values()))

    @cached_property
    def read(self) -> pd.DataFrame:
        """The table as it is read from its file: the last bit of a float may differ, and report and notebook must agree."""
        if self.table.empty:
            return pd.DataFrame({name: pd.Series(dtype=_KINDS.get(name, float)) for name in COLUMNS})
        return read_table(StringIO(self.table[list(COLUMNS)].to_csv(index=False)))

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Means over runs: `analysis.table.summarise`."""
        return summarise(self.read)

    @cached_property
    def sampled(self) -> pd.DataFrame:
        """The rows that a method made."""
        return self.read[(self.read["steps"] > 0) & (self.read["method"] != REAL)]

    @property
    def columns(self) -> list[str]:
        """The metrics that samples of a method have a value of."""
        return list(dict.fromkeys(self.sampled.loc[self.sampled["value"].notna(), "metric"]))

    @property
    def methods(self) -> list[str]:
        """The labels of the methods."""
        return list(dict.fromkeys(self.sampled["method"]))

    @property
    def ws(self) -> list[float]:
        """Every strength that a method was given, rising."""
        return sorted(set(self.sampled["w"].dropna()))

    @property
    def train_seeds(self) -> list[int]:
        """Of the trainings; empty where nothing was trained."""
        return [seed for seed in dict.fromkeys(self.sampled["train_seed"].tolist()) if seed != NO_TRAINING]

    @property
    def sample_seeds(self) -> list[int]:
        """Of the samples."""
        return list(dict.fromkeys(self.sampled["seed"].tolist()))

    @property
    def runs(self) -> int:
        """How many runs a mean is over, where none is missing."""
        return max(1, len(self.train_seeds)) * len(self.sample_seeds)


_KINDS = dict.fromkeys(("world", "method", "sampler", "metric"), object)
_KINDS |= dict.fromkeys(("train_seed", "seed", "n", "steps"), int)
