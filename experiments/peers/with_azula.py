"""azula: DDIMSampler over a denoiser of its own form around a network that predicts eps, as its plugin of ADM has one, and
CFGDenoiser around that.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def systems(task: Any) -> dict[tuple[str, str], Callable[[], Tensor]]:
    from azula.denoise import Denoiser, DiracPosterior
    from azula.guidance import CFGDenoiser
    from azula.noise import Schedule
    from azula.sample import DDIMSampler

    class Levels(Schedule):
        """t from 1 to 0 over the levels; t = 0 is the sample."""

        def __init__(self) -> None:
            square = torch.cat([task.alphas_cumprod[task.timesteps], torch.ones(1, dtype=torch.float64)])
            self.alphas, self.sigmas = (each.float().to(task.device) for each in (square.sqrt(), (1 - square).sqrt()))
            self.t = torch.tensor([*task.timesteps, -1], device=task.device)

        def index(self, t: Tensor) -> Tensor:
            return ((1 - t) * task.steps).round().long()

        def __call__(self, t: Tensor) -> tuple[Tensor, Tensor]:
            return self.alphas[self.index(t)], self.sigmas[self.index(t)]

    class Eps(Denoiser):
        def __init__(self, backbone: nn.Module, schedule: Levels):
            super().__init__()
            self.backbone, self.schedule = backbone, schedule

        def forward(self, x_t: Tensor, t: Tensor, **kwargs: Any) -> DiracPosterior:
            alpha, sigma = self.schedule(t)
            step = self.schedule.t[self.schedule.index(t)].expand(len(x_t))
            return DiracPosterior(mean=(x_t - sigma * self.backbone(x_t, step, **kwargs)) / alpha)

    class Bounded(Denoiser):
        def __init__(self, denoiser: Denoiser):
            super().__init__()
            self.denoiser = denoiser

        @property
        def schedule(self) -> Schedule:
            return self.denoiser.schedule

        def forward(self, x_t: Tensor, t: Tensor, **kwargs: Any) -> DiracPosterior:
            return DiracPosterior(mean=self.denoiser(x_t, t, **kwargs).mean.clip(-1, 1))

    model = Eps(task.on_chain, Levels()).eval()
    plain = DDIMSampler(Bounded(model), steps=task.steps, silent=True)
    guided = DDIMSampler(Bounded(CFGDenoiser(model)), steps=task.steps, silent=True)
    labels = {"positive": {"y": task.label}, "negative": {"y": task.null}}
    return {
        ("conditional", "azula"): lambda: plain(task.z(), y=task.label),
        ("cfg", "azula"): lambda: guided(task.z(), **labels, guidance=task.w),
    }
