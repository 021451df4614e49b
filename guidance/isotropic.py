"""A mixture of one round Gaussian per class, all of one variance, by matrix products: cheap in many dimensions and classes.

z of class c is N(alpha m_c, tau^2 I) with tau^2 = alpha^2 s^2 + sigma^2, so that p(c | z) is the softmax of
alpha (z . m_c - alpha |m_c|^2 / 2) / tau^2 + log p(c), and E[x | z] = (alpha s^2 z + sigma^2 sum_c p(c | z) m_c) / tau^2.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from guidance.denoiser import Label
from guidance.diffusion import Prediction, alpha_sigma
from guidance.level import require_labels
from guidance.mixture import Mixture


class Isotropic(Mixture):
    """The `Mixture` of means (classes, d), covariance `std`^2 I for all, weights (classes,), the i-th component being class i.

    Equal to it, and never an array of b x classes x d numbers. ValueError, naming the argument, if one is invalid.
    """

    def __init__(self, means: Float[Tensor, "k d"], std: float, weights: Float[Tensor, " k"] | None = None):
        if not 0 < std < math.inf:
            raise ValueError(f"std must be positive and finite, not {std}")
        k, d = means.shape
        weights = means.new_ones(k) if weights is None else weights
        bases = torch.eye(d, 1, dtype=torch.float64).repeat(k, 1, 1)
        variances = torch.full((k, 1), std**2, dtype=torch.float64)
        self._register(means, bases, variances, variances[:, 0], weights, torch.arange(k))

    def forward(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label) -> Prediction:
        flat, alpha, sigma, total = self._level(z, logsnr)
        if label is None:
            mean = self._log_joint(flat, alpha, total).softmax(-1) @ self.means
        else:
            require_labels(label, self.classes)
            mean = self.means[label]
        offset = (flat - alpha * mean) / total
        x, eps = mean + alpha * self.residuals[0] * offset, sigma * offset
        return Prediction(x.view_as(z), eps.view_as(z))

    def log_prob(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label = None) -> Float[Tensor, " b"]:
        flat, alpha, _, total = self._level(z, logsnr)
        if label is not None:
            square = (flat - alpha * self.means[label]).square().sum(-1)
            return -(square / total[:, 0] + flat.shape[1] * (2 * math.pi * total[:, 0]).log()) / 2
        return (self._log_joint(flat, alpha, total) + self._shared(flat, total)).logsumexp(-1)

    def class_logits(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b classes"]:
        flat, alpha, _, total = self._level(z, logsnr)
        return self._log_joint(flat, alpha, total) + self._shared(flat, total)

    def _level(self, z: Tensor, logsnr: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """z (b, d); alpha, sigma and the variance of z given its class, (b, 1) each."""
        flat = z.flatten(1)
        if flat.shape[1] != self.means.shape[1]:
            raise ValueError(f"z has {flat.shape[1]} numbers per row, the mixture {self.means.shape[1]} dimensions")
        alpha, sigma = alpha_sigma(logsnr, flat)
        return flat, alpha, sigma, alpha**2 * self.residuals[0] + sigma**2

    def _log_joint(self, flat: Tensor, alpha: Tensor, total: Tensor) -> Tensor:
        """log p(z, c) up to what the classes share (b, classes)."""
        return alpha * (flat @ self.means.mT - alpha * self.means.square().sum(-1) / 2) / total + self.log_weights

    def _shared(self, flat: Tensor, total: Tensor) -> Tensor:
        """What log p(z, c) has of every class (b, 1)."""
        return -(flat.square().sum(-1, keepdim=True) / total + flat.shape[1] * (2 * math.pi * total).log()) / 2
