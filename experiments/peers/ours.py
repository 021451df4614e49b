"""guidance.sample, as docs/notebooks.md has it; and with the networks computing as a probe finds fastest, in bfloat16 too."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from guidance import METHODS, SAMPLERS, Clipped, NetworkDenoiser, sample
from guidance.compute import Compute, prepare, probe


def probed(task: Any) -> dict[tuple[str, str], Callable[[], Tensor]]:
    """The systems with what the probe chose for the network, if that is not how it computes anyway."""
    inputs = task.z(), torch.zeros(task.batch, device=task.device), task.label
    chosen, _ = probe(task.net, inputs, lossy=True)
    if chosen == Compute():
        return {}
    for network in (task.net, task.classifier):
        prepare(network, chosen)
    return systems(task, f"ours, {chosen.precision}")


def systems(task: Any, name: str = "ours") -> dict[tuple[str, str], Callable[[], Tensor]]:
    """Conditional, classifier-free and by a classifier."""
    model, levels, ddim = NetworkDenoiser(task.net, task.classes), torch.tensor(task.levels), SAMPLERS["ddim"]()

    def run(denoiser: Any) -> Tensor:
        return sample(Clipped(denoiser), ddim, levels, task.label, task.shape, seed=0)

    return {
        ("conditional", name): lambda: run(model),
        ("cfg", name): lambda: run(METHODS["classifier-free"](w=task.w)(model)),
        ("classifier", name): lambda: run(METHODS["classifier"](w=task.w)(model, task.classifier)),
    }
