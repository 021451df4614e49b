"""k-diffusion: sample_euler, which is DDIM, over its wrapper of a chain's network; both branches in one batch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def systems(task: Any) -> dict[tuple[str, str], Callable[[], Tensor]]:
    from k_diffusion.external import DiscreteEpsDDPMDenoiser
    from k_diffusion.sampling import sample_euler

    model = DiscreteEpsDDPMDenoiser(task.on_chain, task.alphas_cumprod.float(), quantize=True).to(task.device)
    square = task.alphas_cumprod[task.timesteps]
    sigmas = torch.cat([((1 - square) / square).sqrt(), torch.zeros(1)]).float().to(task.device)

    def conditional(x: Tensor, sigma: Tensor) -> Tensor:
        return model(x, sigma, y=task.label).clamp(-1, 1)

    def guided(x: Tensor, sigma: Tensor) -> Tensor:
        both = torch.cat([task.label, task.null])
        cond, null = model(torch.cat([x] * 2), torch.cat([sigma] * 2), y=both).chunk(2)
        return (null + (1 + task.w) * (cond - null)).clamp(-1, 1)

    def run(denoiser: Callable[..., Tensor]) -> Tensor:
        start = task.z() / float(task.alphas_cumprod[task.timesteps[0]] ** 0.5)
        return sample_euler(denoiser, start, sigmas, disable=True)

    return {
        ("conditional", "k-diffusion"): lambda: run(conditional),
        ("cfg", "k-diffusion, doubled batch"): lambda: run(guided),
    }
