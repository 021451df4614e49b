"""diffusers: DDIMScheduler in the loop of its DiTPipeline (both branches in one batch), and in that of a modular pipeline, with
the guider ClassifierFreeGuidance (a call for each branch).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from experiments.peers.task import BETAS, CHAIN

EPS = {"use_clipped_model_output": True}  # eps follows the clipped x, as in the other systems


def systems(task: Any) -> dict[tuple[str, str], Callable[[], Tensor]]:
    from diffusers import DDIMScheduler
    from diffusers.guiders import ClassifierFreeGuidance

    scheduler = DDIMScheduler(
        CHAIN, *BETAS, "linear", clip_sample=True, set_alpha_to_one=True, timestep_spacing="trailing", prediction_type="epsilon"
    )
    scheduler.set_timesteps(task.steps, device=task.device)
    guider = ClassifierFreeGuidance(guidance_scale=1 + task.w)

    @torch.no_grad()
    def conditional() -> Tensor:
        z = task.z()
        for t in scheduler.timesteps:
            eps = task.on_chain(scheduler.scale_model_input(z, t), t.expand(len(z)), task.label)
            z = scheduler.step(eps, t, z, **EPS).prev_sample
        return z

    @torch.no_grad()
    def doubled() -> Tensor:
        z = torch.cat([task.z()] * 2)
        label = torch.cat([task.label, task.null])
        for t in scheduler.timesteps:
            half = z[: len(z) // 2]
            z = scheduler.scale_model_input(torch.cat([half, half]), t)
            cond, null = task.on_chain(z, t.expand(len(z)), label).chunk(2)
            eps = null + (1 + task.w) * (cond - null)
            z = scheduler.step(torch.cat([eps, eps]), t, z, **EPS).prev_sample
        return z[: len(z) // 2]

    @torch.no_grad()
    def guided() -> Tensor:
        z = task.z()
        for i, t in enumerate(scheduler.timesteps):
            guider.set_state(step=i, num_inference_steps=task.steps, timestep=t)
            batches = guider.prepare_inputs({"y": (task.label, task.null)})
            for batch in batches:
                guider.prepare_models(task.on_chain)
                batch.noise_pred = task.on_chain(scheduler.scale_model_input(z, t), t.expand(len(z)), batch.y)
                guider.cleanup_models(task.on_chain)
            z = scheduler.step(guider(batches)[0], t, z, **EPS).prev_sample
        return z

    return {
        ("conditional", "diffusers"): conditional,
        ("cfg", "diffusers, doubled batch"): doubled,
        ("cfg", "diffusers, guider"): guided,
    }
