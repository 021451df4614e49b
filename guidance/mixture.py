"""The exact world: a labelled mixture of Gaussians, whose score, denoiser and classifier are known at every lambda.

z = alpha x + sigma eps of a Gaussian N(m, S) is N(alpha m, alpha^2 S + sigma^2 I): with S = Q diag(d) Q^T, every
quantity is diagonal in the basis Q at every lambda. Components meet by logsumexp alone.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guidance.diffusion import Prediction, alpha_sigma


class Mixture:
    """A Denoiser (by being called) and a classifier (`class_logits`), with shapes z (b, d), logsnr (b,), label (b,).

    means (k, d), covariances (k, d, d), weights (k,) positive (normalised here), labels (k,) class of each component,
    0..classes-1, each with a component. Raises ValueError naming the argument that cannot be.
    """

    def __init__(
        self,
        means: Float[Tensor, "k d"],
        covariances: Float[Tensor, "k d d"],
        weights: Float[Tensor, " k"],
        labels: Int[Tensor, " k"],
    ):
        if not (weights > 0).all():
            raise ValueError("weights must all be positive")
        if sorted(set(labels.tolist())) != list(range(int(labels.max()) + 1)):
            raise ValueError(f"labels must name the classes 0..{int(labels.max())}, each at least once")
        self.variances, self.bases = torch.linalg.eigh(covariances)  # (k, d), (k, d, d)
        if not (self.variances > 0).all():
            raise ValueError("covariances must be positive definite")
        self.means, self.labels = means, labels
        self.log_weights = (weights / weights.sum()).log()
        self.classes = int(labels.max()) + 1

    def _components(self, z: Tensor, logsnr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log of weight x density (b, k), and each component's E[x | z] and E[eps | z] (b, k, d)."""
        alpha, sigma = (value[:, None] for value in alpha_sigma(logsnr, z))  # (b, 1, 1)
        spread = alpha**2 * self.variances + sigma**2  # (b, k, d), in the eigenbasis
        offset = torch.einsum("bkd,kde->bke", z[:, None] - alpha * self.means, self.bases)
        quadratic = (offset**2 / spread + spread.log() + math.log(2 * math.pi)).sum(-1)
        x = self.means + torch.einsum("bke,kde->bkd", alpha * self.variances / spread * offset, self.bases)
        eps = torch.einsum("bke,kde->bkd", sigma / spread * offset, self.bases)
        return self.log_weights - quadratic / 2, x, eps

    def __call__(self, z: Float[Tensor, "b d"], logsnr: Float[Tensor, " b"], label: Int[Tensor, " b"] | None) -> Prediction:
        """E[x | z, label] and E[eps | z, label] as a Prediction; of the whole mixture if label is None."""
        log_joint, x, eps = self._components(z, logsnr)
        posterior = self._within(log_joint, label).softmax(-1)[..., None]
        return Prediction((posterior * x).sum(1), (posterior * eps).sum(1))

    def log_prob(
        self, z: Float[Tensor, "b d"], logsnr: Float[Tensor, " b"], label: Int[Tensor, " b"] | None = None
    ) -> Float[Tensor, " b"]:
        """log p(z_lambda | label); log p(z_lambda) if label is None."""
        log_joint = self._within(self._components(z, logsnr)[0], label).logsumexp(-1)
        return log_joint if label is None else log_joint - self.class_log_weights()[label]

    def class_logits(self, z: Float[Tensor, "b d"], logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b classes"]:
        """log p(z, c) for every class c: the logits of the exact noise-aware classifier p(c | z_lambda)."""
        log_joint = self._components(z, logsnr)[0]
        every = torch.arange(self.classes, device=z.device)
        return torch.stack([self._within(log_joint, c.expand(len(z))).logsumexp(-1) for c in every], -1)

    def class_log_weights(self) -> Float[Tensor, " classes"]:
        """log p(c), the sum of the weights of a class's components."""
        return torch.stack([self.log_weights[self.labels == c].logsumexp(0) for c in range(self.classes)])

    def sample(self, label: Int[Tensor, " b"], generator: torch.Generator) -> Float[Tensor, "b d"]:
        """Clean draws x ~ p(x | label), on the CPU; `generator` is a CPU generator."""
        weights = self._within(self.log_weights.expand(len(label), -1), label).softmax(-1)
        chosen = weights.multinomial(1, generator=generator)[:, 0]
        noise = torch.randn(self.means[chosen].shape, generator=generator, dtype=self.means.dtype)
        scaled = self.variances[chosen].sqrt() * noise
        return self.means[chosen] + torch.einsum("bde,be->bd", self.bases[chosen], scaled)

    def _within(self, log_joint: Tensor, label: Tensor | None) -> Tensor:
        """`log_joint` (b, k) with the components of other classes at -inf."""
        if label is None:
            return log_joint
        return log_joint.masked_fill(self.labels != label[:, None], -torch.inf)
