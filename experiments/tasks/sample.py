"""Samples: one method at one w, one sampler, one seed, priced at the networks."""

import hashlib
from dataclasses import field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import model_validator

from experiments import launch
from experiments.collectives import collected, mine
from experiments.fields import ComputeOf, Count, DensityOf, GridOf, MethodOf, Positive, SamplerOf, Seed, Size, WorldOf
from experiments.graph.files import read_json, require_file, write_json
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import label, value
from experiments.problems import Failed
from experiments.tasks.drawing import Drawing
from experiments.tasks.images import Labels, Rounding, labels_of, to_uint8
from experiments.tasks.meter import combined
from experiments.tasks.sources import Exact, Source, refused
from guidance.compute import Compute
from guidance.cost import NFE
from guidance.grids import EvenInU


@value
class Sample(Task):
    """n samples. model: who plays it (Train, Exact, ...); others: further roles by name.

    density: the density of lambda whose ends and quantiles the grid takes. clip: the guided x is clipped to [-clip, clip] at
    every step (None: not at all); batch: samples per trajectory; rows: the most rows per call of a network (None: 250 on a
    CPU, and on a GPU what its memory holds).

    compute: how networks are evaluated (guidance.compute); what is lossy of it is as much a part of a sample as its seed.
    labels: "balanced" is i mod classes for sample i, "random" uniform of (seed, i), as ADM evaluates. rounding: of the bytes.

    samples.npz holds label, index and `images` (bytes), or `x` (float32) of a world with an exact oracle. cost.json:
    rows through each network; timing.json: seconds, memory and devices; effective.json: by call, the effective scale of
    the first samples in units of classifier-free guidance (guidance.effective).
    """

    name: ClassVar[str] = "sample"
    files: ClassVar[tuple[str, ...]] = ("samples.npz", "cost.json", "timing.json", "effective.json")
    clocked: ClassVar[tuple[str, ...]] = ("timing.json",)
    shared: ClassVar[bool] = True
    world: WorldOf
    model: Source
    others: dict[str, Source] = field(default_factory=dict)
    method: MethodOf
    sampler: SamplerOf
    steps: Count
    grid: GridOf = EvenInU()
    density: DensityOf
    seed: Seed
    n: Size
    clip: Positive | None = 1.0
    batch: Count = 500
    rows: Count | None = None
    labels: Labels = "balanced"
    rounding: Rounding = "nearest"
    compute: ComputeOf = Compute()

    @model_validator(mode="after")
    def defined(self) -> "Sample":
        """ValueError for a sampler that the method is not defined for, and for a way to compute that it, or the model, is not."""
        if why := self.method.refuses(self.sampler):
            raise ValueError(why)
        if why := refused(self.model, self.method, self.sampler, self.steps, self.grid):
            raise ValueError(why)
        if self.compute.graph and (why := self.method.decides_by_value):
            raise ValueError(f"compute.graph: {self.method.name} cannot be captured, since {why}; leave it out")
        if self.compute != Compute() and isinstance(self.model, Exact):
            raise ValueError("compute: the exact model is no network, and computes in float32; leave it out")
        return self

    @property
    def title(self) -> str:
        labels = "" if self.labels == "balanced" else f", {self.labels} labels"
        method = label(self.method, "w") if self.method.w else "plain model"  # as which every method's w = 0 is drawn
        return f"{method} w={self.method.w:g} {self.sampler_label} T={self.steps}{labels}"

    @property
    def sampler_label(self) -> str:
        """The sampler's label, and the grid's where it is not the usual one: `heun on karras`."""
        return label(self.sampler) + ("" if self.grid == EvenInU() else f" on {label(self.grid)}")

    def run(self, folder: Path, store: Store, device: str) -> None:
        parts = collected(lambda: Drawing(self, store, device).drawn(mine(self.n, self.batch)))
        if launch.rank():
            return
        x, price = torch.from_numpy(np.concatenate([x for x, _, _ in parts])), combined([price for _, price, _ in parts])
        if bad := int((~x.isfinite().flatten(1).all(1)).sum()):
            raise Failed(f"{self.title}: {bad} of {self.n} samples are not finite: lower w, or set clip")
        self._write(folder, x, price, next(pushed for _, _, pushed in parts if pushed is not None))

    def images(self, store: Store) -> tuple[np.ndarray, np.ndarray]:
        """images uint8 (n, h, w, c), or x float32 (n, *shape) of an exact world; and label (n,). Problem if the run is not
        whole.
        """
        return load_samples(store.open(self))

    def prices(self, store: Store) -> dict[str, float]:
        """What a sample cost, by the metric's name, and the effective scale of its guidance."""
        path = store.open(self)
        cost, timing = read_json(path / "cost.json"), read_json(path / "timing.json")
        metrics = {"seconds_per_sample": timing["seconds"] / self.n, "peak_memory_mib": timing["peak_memory_mib"]}
        metrics |= {f"nfe_{name}": cost[name] / self.n for name in vars(NFE())}
        effective = read_json(path / "effective.json")["overall"]
        if effective["scale"] is not None:  # conditional and unconditional model are one, as before any training
            metrics |= {"effective_w": effective["scale"] - 1, "cfg_residual": effective["cfg_residual"]}
        return metrics

    def _write(self, folder: Path, x: torch.Tensor, price: dict[str, Any], pushed: dict[str, Any]) -> None:
        index = np.arange(self.n)
        content = {"x": x.numpy()} if self.world.exact else {"images": to_uint8(x, self.rounding)}
        own = labels_of(self.labels, self.world.classes, self.seed, range(self.n))
        np.savez(folder / "samples.npz", **content, label=own, index=index)
        timing = {name: price.pop(name) for name in ("seconds", "peak_memory_mib", "devices")}
        write_json(folder / "timing.json", timing)
        write_json(folder / "cost.json", {**price, "float32_sha256": hashlib.sha256(x.numpy().tobytes()).hexdigest()})
        write_json(folder / "effective.json", pushed)


def load_samples(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """What a run of samples holds: images or x, and label. Failed for a file that is no set of samples."""
    file = require_file(path / "samples.npz")
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return arrays["x" if "x" in arrays else "images"], arrays["label"]
    except Exception as error:  # of numpy and of zipfile, in words that advise to unpickle it
        raise Failed(f"{file} is no set of samples ({type(error).__name__})") from error
