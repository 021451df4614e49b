"""guided-diffusion: ddim_sample_loop; cond_fn as in its classifier_sample.py; both branches in one batch as in DiT's sample.py.
Its DDIM with a classifier does not clip x, so those samples differ from ours.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from experiments.peers.task import BETAS, CHAIN, OnChain


def systems(task: Any) -> dict[tuple[str, str], Callable[[], Tensor]]:
    import numpy as np
    from guided_diffusion.gaussian_diffusion import LossType, ModelMeanType, ModelVarType
    from guided_diffusion.respace import SpacedDiffusion

    diffusion = SpacedDiffusion(
        use_timesteps=task.timesteps,
        betas=np.linspace(*BETAS, CHAIN),
        model_mean_type=ModelMeanType.EPSILON,
        model_var_type=ModelVarType.FIXED_SMALL,
        loss_type=LossType.MSE,
    )
    classifier = OnChain(task.classifier, task.alphas_cumprod, task.device)

    def cond_fn(x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        with torch.enable_grad():
            inside = x.detach().requires_grad_(True)
            log_probs = classifier(inside, t).log_softmax(-1)
            return torch.autograd.grad(log_probs[range(len(y)), y.view(-1)].sum(), inside)[0] * task.w

    def both(x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        half = x[: len(x) // 2]
        cond, null = task.on_chain(torch.cat([half, half]), t, y).chunk(2)
        eps = null + (1 + task.w) * (cond - null)
        return torch.cat([eps, eps])

    def run(model: Callable[..., Tensor], z: Tensor, y: Tensor, cond_fn: Any = None) -> Tensor:
        options = {"noise": z, "clip_denoised": True, "model_kwargs": {"y": y}, "device": task.device, "cond_fn": cond_fn}
        with torch.no_grad():
            return diffusion.ddim_sample_loop(model, tuple(z.shape), **options)

    return {
        ("conditional", "guided-diffusion"): lambda: run(task.on_chain, task.z(), task.label),
        ("cfg", "guided-diffusion, doubled batch"): lambda: run(
            both, torch.cat([task.z()] * 2), torch.cat([task.label, task.null])
        )[: task.batch],
        ("classifier", "guided-diffusion"): lambda: run(task.on_chain, task.z(), task.label, cond_fn),
    }
