"""Frequency-decoupled guidance (FDG). Sadat et al., 2025, arXiv 2506.19713, Algorithm 1.

D~ = sum over the levels l of a Laplacian pyramid of  D_c[l] + w_l (D_c[l] - D_u[l])
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined
from guidance.methods.method import Method
from guidance.pyramid import laplacian, merged
from guidance.spaces import in_space


@dataclass(frozen=True)
class FrequencyDecoupled(
    Method,
    name="fdg",
    family="correction",
    requires_model=("null", "image"),
    nfe_per_call=NFE(denoiser_forward=2),
    reduces_to_cfg={"low": 1.0},
):
    """Guides fine structure more than coarse: coarse guidance costs diversity, fine guidance buys sharpness.

    w: of the finest level; low: that of the coarsest is low w, those between geometrically between; 4 / 9 for the paper's
    guidance scales 10 and 5. levels: of the pyramid. space: x. For images (b, channels, height, width) of any size.
    """

    w: float = 9.0
    low: float = 4 / 9
    levels: int = 2
    space: str = "x"

    def __post_init__(self):
        super().__post_init__()
        if not self.low > 0:
            raise ValueError(f"low must be positive, not {self.low}")
        if self.levels < 2:
            raise ValueError(f"levels must be at least 2, not {self.levels}")

    def guided(self, model: Denoiser) -> Denoiser:
        def decoupled(cond, null):
            if cond.ndim != 4:
                raise ValueError(f"{self.name} is for images (b, channels, height, width), not for shape {tuple(cond.shape)}")
            updates = laplacian(cond - null, self.levels)
            shares = [self.low ** (level / (self.levels - 1)) for level in range(self.levels)]
            return cond + self.w * merged([share * update for share, update in zip(shares, updates)])

        return combined(model, in_space(self.space, decoupled))
