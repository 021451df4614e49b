"""Condition-annealed sampling (CADS). Sadat et al., 2023, arXiv 2310.17347.

eps~ = (1 + w) eps(z, y) - w eps(z),   y = sqrt(g) y_c + s sqrt(1 - g) n,   g = 1 where t <= tau1, 0 from tau2, linear between

y_c is the label's embedding; t is 1 - progress (guidance.scale), so that the condition is noise at the beginning. y is given
back the mean and the standard deviation that y_c has, of each sample alone, by a share psi.
"""

from dataclasses import dataclass

from guidance.backbones.perturb import NoisyLabel, size_of
from guidance.cost import NFE
from guidance.denoiser import Branch, Denoiser, weighted_sum
from guidance.methods.method import Method
from guidance.scale import progress
from guidance.weak import gaussian_vector


@dataclass(frozen=True)
class ConditionAnnealed(
    Method,
    name="cads",
    family="classifier-free",
    roles=("model", "noise"),
    requires_model=("null", "embedding"),
    nfe_per_call=NFE(denoiser_forward=2),
    reduces_to_cfg={"tau1": 1.0, "tau2": 1.0},
    jumps_at_zero="the condition is annealed whatever w is",
):
    """Classifier-free guidance with a condition that is noise at first: more diversity at the same w.

    tau1, tau2: where the condition is whole and where it is all noise, in t; scale: s; psi: the share of the rescaled condition.
    w = 0 is the plain conditional model here too, without annealing, and w -> 0 does not tend to it.
    """

    w: float = 1.0
    tau1: float = 0.6
    tau2: float = 0.9
    scale: float = 0.25
    psi: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.tau1 <= self.tau2 <= 1:
            raise ValueError(f"tau1 and tau2 must obey 0 <= tau1 <= tau2 <= 1, not {self.tau1} and {self.tau2}")
        if not 0 <= self.psi <= 1:
            raise ValueError(f"psi must lie in [0, 1], not {self.psi}")

    def guided(self, model: Denoiser, noise) -> Denoiser:
        def guided(z, logsnr, label):
            normal, t = gaussian_vector(noise, size_of(model, "embedding_width")), 1 - progress(logsnr)
            keep = (t <= self.tau1).to(t)
            if self.tau1 < self.tau2:
                keep = ((self.tau2 - t) / (self.tau2 - self.tau1)).clamp(0, 1)
            annealed = NoisyLabel(numbers=normal, keep=keep, scale=self.scale, psi=self.psi)
            return weighted_sum(model, z, logsnr, [Branch(label, perturbation=annealed), None], [1 + self.w, -self.w])

        return guided
