"""A whole trajectory as one CUDA graph: captured once, replayed for other samples without a line of Python.

What a trajectory decides it decides on host numbers that are the same for every batch (guidance.level): its levels, its windows,
which branches are asked for. What differs from batch to batch, labels and which samples they are, lies in two tensors that are
written to before a replay. Methods that decide by the numbers of a batch (`decides_by_value`) cannot be captured.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from guidance.level import labels_within

Trajectory = Callable[[Tensor, Tensor], Tensor]  # (label (b,), index of each sample (b,)) -> x (b, *shape)


class Captured:
    """`trajectory(label, indices)` for `n` samples at a time.

    trajectory: makes closures of its own, as a method's state is that of one trajectory, and takes its noise from the tensor of
    indices, as guidance.sample does. It runs `runs` times here: as it is, to warm libraries up, and to be captured.
    """

    runs = 2

    def __init__(self, trajectory: Trajectory, n: int, classes: int, device: str = "cuda"):
        self.n = n
        self.label = labels_within(torch.zeros(n, dtype=torch.long, device=device), 0, classes - 1)
        self.indices = torch.zeros(n, dtype=torch.long, device=device)
        aside = torch.cuda.Stream(device)
        aside.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(aside):
            trajectory(self.label, self.indices)
        torch.cuda.current_stream(device).wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.x = trajectory(self.label, self.indices)

    @torch.no_grad()
    def __call__(self, label: Int[Tensor, " n"], indices: Sequence[int]) -> Tensor:
        """x (n, *shape) of these samples, as `trajectory` would make them. ValueError for another number of them."""
        if len(label) != self.n:
            raise ValueError(f"a graph of {self.n} samples was captured: give {self.n} labels, not {len(label)}")
        self.label.copy_(label)
        self.indices.copy_(torch.tensor(indices))
        self.graph.replay()
        return self.x.clone()
