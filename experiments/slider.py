"""Samples of the same seeds at any w, of the networks that ship with the package; each is made once, and kept.

In a notebook, `SameSeeds("fashion").slider()` has method, class and w at hand.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from analysis.figures.pictures import as_bytes, samples_against_w
from experiments.problems import Problem
from experiments.sampling import Sampling, samples
from experiments.shipped import shipped
from experiments.tasks.sources import shipped_source
from experiments.worlds.chosen import world_of
from guidance import METHODS, SAMPLERS

AWAY = {"groups", "ratios", "strength", "internal"}  # what the shipped model cannot be asked, or is measured before a trajectory
EVALUATIONS = 60  # a sample, at most: of n = 10, a move of the slider then takes less than two seconds of a core


class SameSeeds:
    """The samples 0 to n - 1 of one seed, whatever method, w and class: the noise of sample i is the same in all.

    world: one that networks ship for. sampler, steps: by default those of `guidance-bench study fashion`.
    Problem if nothing ships for the world.
    """

    def __init__(self, world: str = "fashion", n: int = 10, seed: int = 0, sampler: str = "dpm-solver++", steps: int = 10):
        if "model" not in shipped(world):
            raise Problem(f"{world}: no network of it ships with the package: use `guidance-bench sample --run FOLDER`")
        self.world, self.n, self.seed = world_of(world, {}), n, seed
        self.sampler, self.steps = SAMPLERS[sampler](), steps
        self.kept: dict[tuple[str, float, int | None], UInt8[np.ndarray, "n height width ..."]] = {}

    @property
    def methods(self) -> list[str]:
        """The methods that these networks can play with this sampler, and that are quick enough to be moved by hand."""
        return [name for name, method in METHODS.items() if self._fits(name, method)]

    def images(
        self, method: str = "classifier-free", w: float = 0.0, label: int | None = None
    ) -> UInt8[np.ndarray, "n height width ..."]:
        """The samples as bytes, grey or RGB. label: the class of all; None: every class in turn.

        Problem, in one line, for what cannot be sampled.
        """
        key = (method, float(w), label)
        if key not in self.kept:
            if method not in METHODS:
                raise Problem(f"there is no method {method!r}: these fit: {', '.join(self.methods)}")
            try:
                sampling = self._sampling(method, w, label)
            except ValueError as error:
                raise Problem(" ".join(str(error).split())) from error
            self.kept[key] = as_bytes(samples(sampling).x.numpy())
        return self.kept[key]

    def strip(self, method: str, ws: Sequence[float], label: int | None = None, rows: int | None = None):
        """A Figure of the first samples of all (rows: how many; None: every one): a row a seed, w growing to the right."""
        of = "every class in turn" if label is None else f"class {label}"
        title = f"{method}, {of}: the same seeds at every w"
        return samples_against_w({w: self.images(method, w, label)[:rows] for w in ws}, title)

    def slider(self, most: float = 8.0, step: float = 0.25):
        """The widget: method, class and w; see `experiments.slider_widget`."""
        from experiments.slider_widget import slider

        return slider(self, most, step)

    def _sampling(self, method: str, w: float, label: int | None) -> Sampling:
        roles = ["clean" if role == "loss" else role for role in METHODS[method].roles if role != "model"]
        sources = {role: shipped_source(self.world, role) for role in roles}
        return Sampling(
            world=self.world,
            model=shipped_source(self.world, "model"),
            others={role: source for role, source in sources.items() if source is not None},
            method=METHODS[method](w=w),
            sampler=self.sampler,
            steps=self.steps,
            n=self.n,
            labels=None if label is None else (label,),
            seed=self.seed,
        )

    def _fits(self, name: str, method: Any) -> bool:
        if AWAY & {*method.requires_model, *method.roles}:
            return False
        try:
            sampling = self._sampling(name, 1.0, None)
        except ValueError:
            return False
        evaluations = sampling.method.nfe([0.0] * self.steps)
        return sum(vars(evaluations).values()) <= EVALUATIONS
