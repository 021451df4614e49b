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
    """`trajectory(label, indices)` for `n` samples at a time, fewer at the end.

    trajectory: makes closures of its own, as a method's state is that of one trajectory, and takes its noise from the tensor of
    indices, as guidance.sample does. It runs twice here: once as it is, to warm libraries up, and once to be captured; `watch` is
    entered for the second, to count what a replay costs.
    """

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

    def __call__(self, label: Int[Tensor, " b"], indices: Sequence[int]) -> Tensor:
        """x of these samples, as `trajectory` would make them; b <= n, the rest of a batch is made and thrown away."""
        if not 0 < len(label) <= self.n:
            raise ValueError(f"a graph of {self.n} samples was captured: give 1 to {self.n} labels, not {len(label)}")
        with torch.no_grad():
            self.label[: len(label)].copy_(label)
            self.indices[: len(label)].copy_(torch.as_tensor(indices))
        self.graph.replay()
        return self.x[: len(label)].clone()
