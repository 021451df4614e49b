"""A classifier made into a guide: tempered, its ReLUs smoothed, its gradients of one length.

Methods use it as any other classifier. Temperature: log p(c | z) of the logits / T, as score_sde's author advises where
classifier guidance disappoints. Softplus for ReLU: Ma et al., arXiv 2310.11311 (EluCD), whose beta is 3. Normalised: the
gradient, per sample, is scaled so that sigma times it has a root mean square of 1: w is how far eps moves, however confident
the classifier is.
"""

from copy import deepcopy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from guidance.diffusion import alpha_sigma
from guidance.spaces import norm


class Guide(nn.Module):
    """(z, logsnr) -> logits (b, classes) of `classifier`, for guidance.

    temperature: the logits are divided by it; softplus: the beta of the Softplus that replaces every ReLU (None: they
    stay); normalised: see above. ValueError for a temperature or beta that is not positive, or a network that has no ReLU.
    """

    def __init__(self, classifier: nn.Module, temperature: float = 1.0, softplus: float | None = None, normalised: bool = False):
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, not {temperature}")
        self.classifier = classifier if softplus is None else softened(classifier, softplus)
        self.temperature, self.normalised = temperature, normalised

    def forward(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b classes"]:
        z = _OneLength.apply(z, alpha_sigma(logsnr, z)[1]) if self.normalised else z
        return self.classifier(z, logsnr) / self.temperature


class _OneLength(torch.autograd.Function):
    """The identity, whose gradient comes back with root mean square 1 / sigma in every row; a row of zeros stays zero."""

    @staticmethod
    def forward(ctx, z: Tensor, sigma: Tensor) -> Tensor:
        ctx.save_for_backward(sigma)
        return z.view_as(z)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (sigma,) = ctx.saved_tensors
        rms = norm(gradient) / gradient[0].numel() ** 0.5
        return gradient / (sigma * rms).clamp(min=torch.finfo(gradient.dtype).tiny), None


def softened(classifier: nn.Module, beta: float) -> nn.Module:
    """A copy with Softplus(beta) for every ReLU, so that its gradient is continuous. ValueError if it has none."""
    if not beta > 0:
        raise ValueError(f"softplus must be positive, not {beta}")
    smooth, replaced = deepcopy(classifier), 0
    for module in list(smooth.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                softplus = nn.Softplus(beta=beta)
                for hook in child._forward_hooks.values():  # of FiLM, where a stage ends in a ReLU
                    softplus.register_forward_hook(hook)
                setattr(module, name, softplus)
                replaced += 1
    if not replaced:
        raise ValueError("this classifier has no ReLU that Softplus could replace: leave softplus out")
    return smooth
