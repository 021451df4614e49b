"""Energy-preserving guidance (EP-CFG). Zhang & Lan, 2024, arXiv 2412.09966, Algorithm 1.

D~ = D sqrt(E(D_c) / E(D)),   D = D_c + w (D_c - D_u),   E the energy ||.||^2 over the numbers between two percentiles
"""

from dataclasses import dataclass

from torch import Tensor

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined
from guidance.methods.method import Method
from guidance.scale import like
from guidance.spaces import in_space


@dataclass(frozen=True)
class EnergyPreserving(
    Method, name="ep-cfg", family="correction", requires_model=("null",), nfe_per_call=NFE(denoiser_forward=2)
):
    """Scales the guided prediction back to the energy of the conditional one.

    low, high: percentiles of a sample's numbers between which energy is summed, 0 and 100: over all of them; 45 and 55: the
    robust form of the paper, which measures the middle of the distribution only. space: x.
    """

    w: float = 6.0
    low: float = 0.0
    high: float = 100.0
    space: str = "x"

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.low < self.high <= 100:
            raise ValueError(f"low must lie below high, both in [0, 100], not {self.low} and {self.high}")

    def guided(self, model: Denoiser) -> Denoiser:
        def preserved(cond, null):
            guided = cond + self.w * (cond - null)
            return guided * (self._energy(cond) / self._energy(guided).clamp(min=1e-30)).sqrt()

        return combined(model, in_space(self.space, preserved))

    def _energy(self, value: Tensor) -> Tensor:
        flat = value.flatten(1)
        if (self.low, self.high) != (0.0, 100.0):
            low, high = (flat.quantile(q / 100, dim=1, keepdim=True) for q in (self.low, self.high))
            flat = flat.where((flat >= low) & (flat <= high), 0)
        return like(flat.pow(2).sum(1), value)
