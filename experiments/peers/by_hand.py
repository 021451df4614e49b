"""The loop as one writes it for one network, one sampler and one way of guidance: only a faster network is faster."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def loop(
    network: Callable[..., Tensor],
    z: Tensor,
    levels: list[float],
    label: Tensor,
    w: float | None,
    null: int,
    clip: bool = True,
    classifier: Callable[..., Tensor] | None = None,
) -> Tensor:
    """DDIM. w None: no guidance; classifier: of classifier guidance, instead of a null label."""
    no_label = torch.full_like(label, null)
    alphas = [1 / math.sqrt(1 + math.exp(-value)) for value in levels]
    sigmas = [1 / math.sqrt(1 + math.exp(value)) for value in levels]
    for step, level in enumerate(levels):
        logsnr, alpha, sigma = torch.full((len(z),), level, device=z.device), alphas[step], sigmas[step]
        eps = network(z, logsnr, label)
        if w is not None and classifier is None:
            unconditional = network(z, logsnr, no_label)
            eps = unconditional + (1 + w) * (eps - unconditional)
        elif w is not None and classifier is not None:
            with torch.enable_grad():
                inside = z.detach().requires_grad_()
                log_prob = classifier(inside, logsnr).log_softmax(-1)[range(len(z)), label].sum()
                eps = eps - w * sigma * torch.autograd.grad(log_prob, inside)[0]
        x = (z - sigma * eps) / alpha
        if clip:
            x = x.clamp(-1, 1)
            eps = (z - alpha * x) / sigma
        if step + 1 < len(levels):
            z = alphas[step + 1] * x + sigmas[step + 1] * eps
    return x


def systems(task: Any) -> dict[tuple[str, str], Callable[[], Tensor]]:
    """Conditional, classifier-free with a call for each branch, and by a classifier."""

    def run(w: float | None, classifier: Any = None) -> Tensor:
        with torch.no_grad():
            return loop(task.net, task.z(), task.levels, task.label, w, task.classes, classifier=classifier)

    return {
        ("conditional", "by hand"): lambda: run(None),
        ("cfg", "by hand"): lambda: run(task.w),
        ("classifier", "by hand"): lambda: run(task.w, task.classifier),
    }
