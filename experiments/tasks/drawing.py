"""How the batches of a `Sample` are drawn, one after another or replayed from a CUDA graph, and what that costs."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments.device import alone
from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.tasks.images import labels_of
from experiments.tasks.meter import meter
from experiments.tasks.roles import load_roles
from guidance.captured import Captured
from guidance.compute import with_tf32
from guidance.cost import NFE, count
from guidance.denoiser import Clipped, Denoiser
from guidance.effective import EffectiveWeight
from guidance.head_share import head_share
from guidance.level import labels_within
from guidance.noise import kernel_agrees
from guidance.sampling import own_noise, sample
from guidance.seen import Seen

WATCHED = 16  # samples of the first batch of which is kept how hard they were pushed; fewer where that would take more than
KEPT = 2**28  # bytes, at six tensors of each at every call
WARM_UP = 32  # samples of two steps that come before everything that is timed


def warm_up(levels: Tensor) -> Tensor:
    """The two levels of the samples that come first: the ends of the others', since a network may know no further ones."""
    return levels[[0, -1]]


class Drawing:
    """Roles loaded on a device, and batches drawn with them. Problem for a graph elsewhere than on a GPU."""

    def __init__(self, task: Any, store: Store, device: str):
        if task.compute.graph and torch.device(device).type != "cuda":
            raise Problem(f"compute.graph: {device} has no CUDA graphs; leave it out")
        if task.compute.graph and not kernel_agrees(torch.device(device)):
            raise Problem("compute.graph: noise is made on the CPU here, which cannot be captured (no Triton); leave it out")
        self.task, self.device = task, device
        self.levels = task.grid(task.density, task.steps)
        self.roles = load_roles(task.model, task.others, task.method.roles, store, device, task.rows, task.compute)
        if "ratios" in task.method.roles:  # measured beforehand, outside the meter
            from guidance.methods.recfg import measure_ratios

            model, levels = self.roles.of["model"], self.levels.tolist()
            self.roles.of["ratios"] = measure_ratios(model, levels, task.world.classes, task.world.shape, device=device)
        for network in (self.roles.denoiser, self.roles.weak):
            if network is not None:
                head_share(network, task.world.shape)  # kept with the network, before anything is timed
        self.watched: EffectiveWeight | None = None

    def drawn(self, own: range) -> tuple[np.ndarray, dict[str, float], dict[str, Any] | None]:
        """x of the samples `own`, what they cost, and how hard the first of all were pushed, if they are among them."""
        with alone(self.device), with_tf32(self.task.compute.precision != "float32", self.device):  # of gradients too
            return self._drawn(own)

    def _drawn(self, own: range) -> tuple[np.ndarray, dict[str, float], dict[str, Any] | None]:
        self._batch(range(min(WARM_UP, self.task.n)), warm_up(self.levels))  # warms the libraries up
        replayed = self._captured(len(own)) if self.task.compute.graph else None
        with self._metered(replayed) as price:
            ends = [*range(own.start, own.stop, self.task.batch), own.stop]
            parts = [self._part(range(*both), replayed) for both in pairwise(ends)]
            x = torch.cat(parts).cpu() if parts else torch.empty(0, *self.task.world.shape)
        return x.numpy(), price, self._pushed() if own and own.start == 0 else None

    def _part(self, indices: range, replayed: "Replayed | None") -> Tensor:
        if replayed is not None and len(indices) == replayed.graph.n:
            return replayed(self._labels(indices), indices)
        return self._batch(indices, self.levels, watch=indices.start == 0)

    def _batch(self, indices: range, levels: Tensor, watch: bool = False) -> Tensor:
        return self._trajectory(self._labels(indices), torch.tensor(indices), levels, watch)

    def around(self, indices: range, wrapped: Callable[[Denoiser], Denoiser]) -> Tensor:
        """x of samples whose guided denoiser is called through `wrapped`, before its x is clipped."""
        with with_tf32(self.task.compute.precision != "float32", self.device):
            return self._trajectory(self._labels(indices), torch.tensor(indices), self.levels, wrapped=wrapped)

    def _trajectory(
        self,
        label: Tensor,
        indices: Tensor,
        levels: Tensor,
        watch: bool = False,
        wrapped: Callable[[Denoiser], Denoiser] | None = None,
    ) -> Tensor:
        task, values = self.task, levels.tolist()
        roles = self.roles.of | {
            "levels": tuple(values),
            "noise": own_noise(task.seed, indices, task.world.shape, self.device),
        }
        if watch:
            roles["model"] = Seen(roles["model"], self._rows_watched())
        guided = task.method(**{role: roles[role] for role in task.method.roles})
        if watch:
            self.watched = guided = EffectiveWeight(guided, roles["model"], values)
        if wrapped is not None:
            guided = wrapped(guided)
        guided = Clipped(guided, -task.clip, task.clip) if task.clip else guided
        return sample(guided, task.sampler, levels, label, task.world.shape, task.seed, indices)

    def _pushed(self) -> dict[str, Any]:
        n = min(self._rows_watched(), self.task.batch, self.task.n)
        if self.watched is None:  # a replay cannot be watched
            self._batch(range(n), self.levels, watch=True)
        assert self.watched is not None
        scale, residual = self.watched.overall()
        return {"overall": {"scale": scale, "cfg_residual": residual, "samples": n}, "by_call": self.watched.by_call()}

    def _rows_watched(self) -> int:
        calls = self.task.sampler.calls(self.task.steps)
        return max(1, min(WATCHED, KEPT // (6 * 4 * math.prod(self.task.world.shape) * calls)))

    def _labels(self, indices: range) -> Tensor:
        task = self.task
        label = torch.from_numpy(labels_of(task.labels, task.world.classes, task.seed, indices)).to(self.device)
        return labels_within(label, 0, task.world.classes - 1)

    def _captured(self, n: int) -> "Replayed | None":
        """A graph of the full batches; None where there are fewer than two, which capturing takes."""
        if n < 2 * self.task.batch:
            return None
        if torch.device(self.device).type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)  # of what this process did before
        with count(self.roles.denoiser, self.roles.classifiers, self.roles.weak) as nfe:
            graph = Captured(
                lambda label, indices: self._trajectory(label, indices, self.levels),
                self.task.batch,
                self.task.world.classes,
                self.device,
            )
        return Replayed(graph, nfe * (1 / graph.runs))

    @contextmanager
    def _metered(self, replayed: "Replayed | None") -> Iterator[dict[str, float]]:
        """The price of a block, replays included, whose Python did not run."""
        with meter(self.device, self.roles.denoiser, self.roles.classifiers, self.roles.weak) as price:
            yield price
        if replayed is not None:
            for name, rows in vars(replayed.nfe * replayed.times).items():
                whole = round(rows)
                price[name] += whole if math.isclose(rows, whole, abs_tol=1e-6) else rows  # of a head, a share of a forward
            price["peak_memory_mib"] = max(price["peak_memory_mib"], replayed.peak_memory_mib)


class Replayed:
    """A graph, how often it was replayed, what that cost each time, and the memory that capturing took."""

    def __init__(self, graph: Captured, nfe: NFE):
        self.graph, self.nfe, self.times = graph, nfe, 0
        self.peak_memory_mib = torch.cuda.max_memory_allocated(graph.label.device) / 2**20 if graph.label.is_cuda else 0.0

    def __call__(self, label: Tensor, indices: range) -> Tensor:
        self.times += 1
        return self.graph(label, indices)
