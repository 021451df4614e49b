"""A law for the methods that claim the tilted density p(z|c) p(c|z)^w, and must be held to it: none but these claim it."""

import torch
from worlds import mixture

from guidance.diffusion import alpha_sigma
from guidance.laws import W

TILTED = ("classifier", "classifier-free")


def exact_guidance_is_the_tilted_score(kind):
    """eps = -sigma grad [log p(z|c) + w log p(c|z)] with the exact mixture as model and classifier, at every lambda."""
    world = mixture()
    z = 2 * torch.randn(64, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    label = torch.arange(64) % 3
    for value in (-20.0, -4.0, 0.0, 3.0, 8.0, 20.0):
        logsnr = torch.full((64,), value, dtype=torch.float64)
        leaf = z.clone().requires_grad_()
        log_class = world.class_logits(leaf, logsnr).log_softmax(-1)[torch.arange(64), label]
        tilted = world.log_prob(leaf, logsnr, label) + W * log_class
        score = torch.autograd.grad(tilted.sum(), leaf)[0]
        _, sigma = alpha_sigma(logsnr, z)
        guided = with_exact(kind(w=W), world)(z, logsnr, label)
        torch.testing.assert_close(guided.eps, -sigma * score, rtol=1e-6, atol=1e-8)


def with_exact(method, world):
    """The guided denoiser with the exact world as model and classifier."""
    return method(**{role: {"model": world, "classifier": world.class_logits}[role] for role in method.roles})
