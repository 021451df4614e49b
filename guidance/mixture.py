"""An exact model of data: a labelled mixture of Gaussians, whose score, denoiser and classifier are known at every lambda.

z = alpha x + sigma eps of a Gaussian N(m, S) is N(alpha m, alpha^2 S + sigma^2 I): with
S = U diag(variances) U^T + residual (I - U U^T) every quantity is diagonal in the basis U at every lambda. Components are
combined only by logsumexp.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.denoiser import Branch, Label, plain_label
from guidance.diffusion import Prediction, alpha_sigma, from_eps
from guidance.level import require_labels


class Mixture(nn.Module):
    """A Denoiser (by being called) and a classifier (`class_logits`, or `classifier` as a module).

    means (k, d), covariances (k, d, d), weights (k,) positive (normalised here), labels (k,) class of each component,
    0..classes-1, each with a component. z is (b, *shape) with d numbers per row, logsnr (b,), label (b,) or None. Arithmetic
    in the dtype of `means`. ValueError, naming the argument, if one is invalid.
    """

    means: Tensor
    bases: Tensor
    variances: Tensor
    residuals: Tensor
    log_weights: Tensor
    labels: Tensor

    def __init__(
        self,
        means: Float[Tensor, "k d"],
        covariances: Float[Tensor, "k d d"],
        weights: Float[Tensor, " k"],
        labels: Int[Tensor, " k"],
    ):
        if not torch.allclose(covariances, covariances.mT, rtol=1e-4, atol=1e-7):
            raise ValueError("covariances must be symmetric and finite")
        variances, bases = torch.linalg.eigh(covariances.double())  # (k, d), (k, d, d)
        if not (variances > 0).all():
            raise ValueError("covariances must be positive definite")
        self._register(means, bases, variances, torch.zeros(len(means)), weights, labels)

    @classmethod
    def low_rank(
        cls,
        means: Float[Tensor, "k d"],
        factors: Float[Tensor, "k d r"],
        residuals: Float[Tensor, " k"],
        weights: Float[Tensor, " k"],
        labels: Int[Tensor, " k"],
    ) -> "Mixture":
        """Covariances F F^T + residual I, F (d, r) with r < d, residual > 0 (probabilistic PCA); never built as (d, d)."""
        if not (residuals > 0).all():
            raise ValueError("residuals must be positive, or the covariances are not positive definite")
        if factors.shape[2] >= factors.shape[1] or not factors.isfinite().all():
            raise ValueError("factors must be finite, (k, d, r) with r < d")
        bases, roots, _ = torch.linalg.svd(factors.double(), full_matrices=False)
        mixture = cls.__new__(cls)
        mixture._register(means, bases, roots**2 + residuals.double()[:, None], residuals, weights, labels)
        return mixture

    def _register(
        self, means: Tensor, bases: Tensor, variances: Tensor, residuals: Tensor, weights: Tensor, labels: Tensor
    ) -> None:
        super().__init__()
        if not means.isfinite().all():
            raise ValueError("means must be finite")
        if not (weights > 0).all() or not weights.isfinite().all():
            raise ValueError("weights must all be positive")
        if sorted(set(labels.tolist())) != list(range(int(labels.max()) + 1)):
            raise ValueError(f"labels must name the classes 0..{int(labels.max())}, each at least once")
        self.classes = int(labels.max()) + 1
        log_weights = (weights.double() / weights.double().sum()).log()
        buffers = {"means": means, "bases": bases, "variances": variances, "residuals": residuals, "log_weights": log_weights}
        for name, value in buffers.items():
            self.register_buffer(name, value.to(means.dtype))
        self.register_buffer("labels", labels)

    def forward(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label) -> Prediction:
        """E[x | z, label] and E[eps | z, label] as a Prediction; of the whole mixture if label is None."""
        log_joint, x, eps = self._components(z, logsnr)
        posterior = self._within(log_joint, label).softmax(-1)[..., None]
        return Prediction((posterior * x).sum(1).view_as(z), (posterior * eps).sum(1).view_as(z))

    def branches(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch]) -> list[Prediction]:
        """One prediction per entry of `labels`. One with a `logsnr_cond` keeps the eps predicted there, as a network does."""
        return [self._branch(z, logsnr, entry) for entry in labels]

    def _branch(self, z: Tensor, logsnr: Tensor, entry: Label | Branch) -> Prediction:
        if not isinstance(entry, Branch) or entry.logsnr_cond is None:
            return self(z, logsnr, plain_label(entry))
        return from_eps(z, self(z, entry.logsnr_cond, plain_label(entry._replace(logsnr_cond=None))).eps, logsnr)

    def log_prob(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label = None) -> Float[Tensor, " b"]:
        """log p(z_lambda | label); log p(z_lambda) if label is None."""
        log_joint = self._within(self._components(z, logsnr)[0], label).logsumexp(-1)
        return log_joint if label is None else log_joint - self.class_log_weights()[label]

    def class_logits(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b classes"]:
        """log p(z, c) for every class c: the logits of the exact noise-aware classifier p(c | z_lambda)."""
        return self._by_class(self._components(z, logsnr)[0][:, None])

    def classifier(self) -> "MixtureClassifier":
        """`class_logits` as a module of its own, so that its calls are counted apart from the denoiser's."""
        return MixtureClassifier(self)

    def class_log_weights(self) -> Float[Tensor, " classes"]:
        """log p(c), the sum of the weights of a class's components."""
        return self._by_class(self.log_weights[None])

    def marginal(self, logsnr: float) -> "Mixture":
        """The mixture that z_lambda itself is distributed as, at one lambda."""
        alpha2, sigma2 = 1 / (1 + math.exp(-logsnr)), 1 / (1 + math.exp(logsnr))
        noised = type(self).__new__(type(self))
        parameters = (alpha2 * self.variances + sigma2, alpha2 * self.residuals + sigma2, self.log_weights.exp(), self.labels)
        noised._register(math.sqrt(alpha2) * self.means, self.bases, *parameters)
        return noised

    def widened(self, variance: float) -> "Mixture":
        """This mixture with `variance` added to every component's in every direction: a worse model of it, as autoguidance's
        weak one is. ValueError unless it is positive.
        """
        if not variance > 0:
            raise ValueError(f"variance must be positive, not {variance}")
        wider = type(self).__new__(type(self))
        parameters = (self.variances + variance, self.residuals + variance, self.log_weights.exp(), self.labels)
        wider._register(self.means, self.bases, *parameters)
        return wider

    def moments(self, label: int | None = None) -> tuple[Float[Tensor, " d"], Float[Tensor, "d d"]]:
        """Mean and covariance of the clean data: of one class, or of the whole mixture; exact."""
        chosen = torch.ones_like(self.labels, dtype=torch.bool) if label is None else self.labels == label
        share = self.log_weights[chosen].softmax(0)
        mean = share @ self.means[chosen]
        offset, rest = self.means[chosen] - mean, self.residuals[chosen, None]
        bases, extra = self.bases[chosen], self.variances[chosen] - rest
        within = torch.einsum("k,kdr,kr,ker->de", share, bases, extra, bases)
        within = within + (share @ rest[:, 0]) * torch.eye(len(mean), dtype=mean.dtype, device=mean.device)
        return mean, within + (share[:, None] * offset).mT @ offset

    def sample(self, label: Int[Tensor, " b"], generator: torch.Generator) -> Float[Tensor, "b d"]:
        """Clean draws x ~ p(x | label); drawn on the CPU with `generator`, whatever the device."""
        label = label.cpu()
        require_labels(label, self.classes)
        weights = self._within(self.log_weights.cpu().expand(len(label), -1), label).softmax(-1)
        chosen = weights.multinomial(1, generator=generator)[:, 0]
        x = torch.randn((len(label), self.means.shape[1]), generator=generator, dtype=self.means.dtype)
        for k in chosen.unique().tolist():  # not gathered: a basis for each row would be large
            mean, basis, variance, residual = (
                values[k].cpu() for values in (self.means, self.bases, self.variances, self.residuals)
            )
            noise, root = x[chosen == k], residual.sqrt()
            x[chosen == k] = mean + root * noise + (noise @ basis) * (variance.sqrt() - root) @ basis.T
        return x.to(self.means.device)

    def _components(self, z: Tensor, logsnr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """log of weight x density (b, k), and each component's E[x | z] and E[eps | z] (b, k, d)."""
        z = z.flatten(1)
        if z.shape[1] != self.means.shape[1]:
            raise ValueError(f"z has {z.shape[1]} numbers per row, the mixture {self.means.shape[1]} dimensions")
        alpha, sigma = (value[:, None] for value in alpha_sigma(logsnr, z))  # (b, 1, 1)
        offset = z[:, None] - alpha * self.means  # (b, k, d)
        along = torch.einsum("bkd,kdr->bkr", offset, self.bases)
        total_variance = alpha**2 * self.variances + sigma**2  # (b, k, r)
        quadratic = (along**2 / total_variance + total_variance.log()).sum(-1)
        x = torch.einsum("bkr,kdr->bkd", alpha * self.variances / total_variance * along, self.bases)
        eps = torch.einsum("bkr,kdr->bkd", sigma / total_variance * along, self.bases)
        left = z.shape[1] - self.bases.shape[2]  # dimensions off the basis, where the variance is the residual
        if left:
            off_basis = offset - torch.einsum("bkr,kdr->bkd", along, self.bases)
            rest = alpha**2 * self.residuals[:, None] + sigma**2  # (b, k, 1)
            quadratic = quadratic + ((off_basis**2).sum(-1, keepdim=True) / rest + left * rest.log()).squeeze(-1)
            x, eps = x + alpha * self.residuals[:, None] / rest * off_basis, eps + sigma / rest * off_basis
        constant = z.shape[1] * math.log(2 * math.pi)
        return self.log_weights - (quadratic + constant) / 2, self.means + x, eps

    def _within(self, log_joint: Tensor, label: Tensor | None) -> Tensor:
        """`log_joint` (b, k) with the components of other classes at -inf."""
        if label is None:
            return log_joint
        require_labels(label, self.classes)
        return log_joint.masked_fill(self.labels.to(label.device) != label[:, None], -torch.inf)

    def _by_class(self, log_joint: Tensor) -> Tensor:
        """logsumexp over each class's components: (..., 1, k) or (1, k) to (..., classes)."""
        every = torch.arange(self.classes, device=self.labels.device)[:, None]
        return log_joint.masked_fill(self.labels != every, -torch.inf).logsumexp(-1)


class MixtureClassifier(nn.Module):
    """p(c | z_lambda) of a mixture, as a classifier is called: `(z, logsnr)` -> logits (b, classes)."""

    def __init__(self, mixture: Mixture):
        super().__init__()
        self.mixture = mixture

    def forward(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"]) -> Float[Tensor, "b classes"]:
        return self.mixture.class_logits(z, logsnr)
