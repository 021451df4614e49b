"""Internal Guidance (IG). Zhou et al., CVPR 2026, arXiv 2512.24176.

D = D_f + w (D_f - D_i),   D_i: what an auxiliary head after an inner block says, from the same forward

Read at commit d048cc3 of CVL-UESTC/Internal-Guidance: the head is a second final layer after block 8 of 28, trained with half
the weight (guidance.objective.internal_loss); where classifier-free guidance goes on top, both of its branches are extrapolated
first; the scale is 1 + w; its window is the whole trajectory by default (SiT/gen.sh narrows that of classifier-free guidance
alone, to t <= 0.7). The paper's own text was not read. There the networks are transformers; the head of a U-Net is ours.
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Branch, Denoiser, weighted_sum
from guidance.weak import WeakBranch


@dataclass(frozen=True)
class Internal(WeakBranch, name="internal", requires_model=("internal",)):
    """Extrapolates from what an inner block already says to what the network says: a weak branch that costs no forward.

    w: 0.7 is the scale 1.7 of LightningDiT alone; with classifier-free guidance of 1.45 it is 0.4, and null 0.45 / 0.4.
    null: classifier-free guidance between extrapolated predictions, which takes one more forward.
    """

    w: float = 0.7

    @property
    def nfe_per_call(self) -> NFE:
        """One forward, and a second where `null` is not 0."""
        return self.nfe_outside

    def guided(self, model: Denoiser) -> Denoiser:
        cfg = self.w * self.null
        shares = [1 + cfg, -cfg] if cfg else [1.0]
        weights = [share * weight for share in shares for weight in (1 + self.w, -self.w)]

        def guided(z, logsnr, label):
            asked = [label, None][: len(shares)]
            entries = [entry for one in asked for entry in (one, Branch(one, internal=True))]
            return weighted_sum(model, z, logsnr, entries, weights)

        return guided
