"""guidance.sample, as the README has it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from guidance import METHODS, SAMPLERS, Clipped, NetworkDenoiser, sample


def systems(task: Any) -> dict[tuple[str, str], Callable[[], Tensor]]:
    """Conditional, classifier-free and by a classifier."""
    model, levels, ddim = NetworkDenoiser(task.net, task.classes), torch.tensor(task.levels), SAMPLERS["ddim"]()

    def run(denoiser: Any) -> Tensor:
        return sample(Clipped(denoiser), ddim, levels, task.label, task.shape, seed=0)

    return {
        ("conditional", "ours"): lambda: run(model),
        ("cfg", "ours"): lambda: run(METHODS["classifier-free"](w=task.w)(model)),
        ("classifier", "ours"): lambda: run(METHODS["classifier"](w=task.w)(model, task.classifier)),
    }
