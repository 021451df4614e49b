"""Rectified gradient guidance (REG). Gao, Zha, Zhang, Xue & Boning, 2025, arXiv 2501.18865, the authors' EDM2 sampler.

D = D_c + w J . (D_c - D_ref),   J = alpha d sum(D_c) / dz, elementwise: the column sums of the denoiser's Jacobian at z / alpha

In eps J is 1 - sigma d sum(eps_c) / dz, as the authors' code for DiT has it, so that x, eps and v say the same. The authors' is
in z / alpha, of EDM, which is where alpha comes from. Their interval is the window of lambda that every method has. Their
cosine is that of "power-cosine" over 1 - sigma / sigma_max (EDM2) or 1 - t / 1000 (DiT), where ours is over the time of the
cosine schedule; their linear ramp in sigma is not among ours.
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.diffusion import alpha_sigma
from guidance.gradients import gradient_through
from guidance.methods.classifier_free import extrapolate
from guidance.methods.weight_schedules import ScheduledFree


@dataclass(frozen=True)
class REG(
    ScheduledFree,
    name="reg",
    requires_model=("null", "gradient"),
    nfe_per_call=NFE(denoiser_forward=2, denoiser_backward=1),
    reduces_to_cfg=None,
):
    """Classifier-free guidance whose update is multiplied, number by number, by how the conditional prediction answers to z.

    Its backward pass goes through the conditional branch alone. schedule, power and min_share are those of "scheduled".
    """

    schedule: str = "constant"

    def guided(self, model: Denoiser) -> Denoiser:
        return self._away_from(lambda z, logsnr, label: model(z, logsnr, None), model)

    def _away_from(self, reference: Denoiser, model: Denoiser) -> Denoiser:
        def guided(z, logsnr, label):
            cond, _, slope = gradient_through(model, lambda x, label: x.flatten(1).sum(1), z, logsnr, label)
            weight = self.weight(logsnr, z) * alpha_sigma(logsnr, z)[0] * slope
            return extrapolate(cond, reference(z, logsnr, label), weight)

        return guided


@dataclass(frozen=True)
class RectifiedAutoguidance(
    REG,
    name="reg-autoguidance",
    family="weak branch",
    roles=("model", "weak"),
    requires_model=("gradient",),
    nfe_per_call=NFE(denoiser_forward=1, denoiser_backward=1, weak_forward=1),
    direction="weak",
):
    """The same away from a worse model of the same label, as autoguidance has it: D_ref is the weak network's."""

    def guided(self, model: Denoiser, weak: Denoiser) -> Denoiser:  # type: ignore[override]  # of its own roles
        return self._away_from(weak, model)
