"""Time step guidance (TSG). Sadat et al., 2024, arXiv 2407.02687.

D = D_c + w (D_c - D_k),   D_k: the embedding of the time step becomes t_emb + s t^a n,   n ~ N(0, I)

t is 1 - progress (guidance.scale). The paper tunes s and a for each model; the defaults here are ours.
"""

from dataclasses import dataclass

from guidance.backbones.perturb import NoisyLevel, size_of
from guidance.denoiser import Branch, Denoiser
from guidance.scale import progress
from guidance.weak import WeakBranch, gaussian_vector


@dataclass(frozen=True)
class TimeStep(WeakBranch, name="tsg", roles=("model", "noise"), requires_model=("embedding",)):
    """Extrapolates from the model with noise on the embedding of its noise level; needs no label.

    scale: s, in the units of the embedding, whose noise is drawn anew for each sample and step; power: a.
    """

    scale: float = 1.0
    power: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if not self.scale > 0:
            raise ValueError(f"scale must be positive, not {self.scale}")

    def guided(self, model: Denoiser, noise) -> Denoiser:
        def noisy_level(z, logsnr, label):
            normal = gaussian_vector(noise, size_of(model, "embedding_width"))
            size = self.scale * (1 - progress(logsnr)) ** self.power
            return Branch(label, perturbation=NoisyLevel(numbers=size[:, None].to(normal) * normal))

        return self.with_cfg(model, noisy_level)
