"""Time step guidance (TSG). Sadat et al., 2024, arXiv 2407.02687.

D = D_c + w (D_c - D_k),   D_k: the embedding of the time step becomes t_emb + s t^a n,   n ~ N(0, I)

t is 1 - progress (guidance.scale). The paper tunes s and a for each model; the defaults here are ours.
"""

from dataclasses import dataclass
from typing import ClassVar

from guidance.backbones.perturb import NoisyLevel, size_of
from guidance.denoiser import Branch, Denoiser
from guidance.scale import progress
from guidance.weak import WeakBranch, numbers


@dataclass(frozen=True)
class TimeStep(WeakBranch):
    """Extrapolates from the model told the noise level indistinctly; needs no label.

    scale: s, in the units of the embedding, whose noise is drawn anew for each sample and step; power: a.
    """

    scale: float = 1.0
    power: float = 1.0
    name: ClassVar[str] = "tsg"
    roles: ClassVar[tuple[str, ...]] = ("model", "noise")
    needs: ClassVar[tuple[str, ...]] = ("embedding",)

    def __post_init__(self):
        super().__post_init__()
        if not self.scale > 0:
            raise ValueError(f"scale must be positive, not {self.scale}")

    def guided(self, model: Denoiser, noise) -> Denoiser:
        def indistinct(z, logsnr, label):
            drawn = numbers(noise, size_of(model, "embedding_width"))
            size = self.scale * (1 - progress(logsnr)) ** self.power
            return Branch(label, altered=NoisyLevel(numbers=size[:, None].to(drawn) * drawn))

        return self.beside(model, indistinct)
