"""Static and dynamic thresholding. Saharia et al. (Imagen), 2022, arXiv 2205.11487, section 2.3.

D~ = clip(D, -s, s) limit / s,   s = max(limit, quantile_p |D|)   (dynamic);   clip(D, -limit, limit)   (static)
"""

from dataclasses import dataclass

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.methods.classifier_free import combined, extrapolate
from guidance.methods.method import Method
from guidance.scale import like
from guidance.spaces import from_space


@dataclass(frozen=True)
class DynamicThreshold(
    Method,
    name="dynamic-threshold",
    family="correction",
    requires_model=("null", "image"),
    space="x",
    nfe_per_call=NFE(denoiser_forward=2),
    reduces_to_cfg={"limit": 1e6},
    jumps_at_zero="the x of the conditional model is thresholded as well",
):
    """Shrinks a guided x whose pixels leave the range of the data, instead of cutting them off.

    quantile: p, of |x| over all numbers of a sample; limit: data lie in [-limit, limit]; cap: the largest s (None: any;
    with cap = limit this is static thresholding, as it is by default in some libraries). For x that are pixels.
    """

    w: float = 4.0
    quantile: float = 0.995
    limit: float = 1.0
    cap: float | None = None

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.quantile <= 1:
            raise ValueError(f"quantile must lie in (0, 1], not {self.quantile}")
        require_limit(self.limit)
        if self.cap is not None and self.cap < self.limit:
            raise ValueError(f"cap must be at least limit, or None, not {self.cap}")

    def guided(self, model: Denoiser) -> Denoiser:
        def thresholded(cond, null, z, logsnr):
            guided = extrapolate(cond, null, self.w)
            s = like(guided.x.abs().flatten(1).quantile(self.quantile, dim=1), z).clamp(min=self.limit, max=self.cap)
            return from_space(guided, guided.x.clamp(-s, s) * (self.limit / s), "x", z, logsnr)

        return combined(model, thresholded)


@dataclass(frozen=True)
class StaticThreshold(
    Method,
    name="static-threshold",
    family="correction",
    requires_model=("null", "image"),
    space="x",
    nfe_per_call=NFE(denoiser_forward=2),
    reduces_to_cfg={"limit": 1e6},
    jumps_at_zero="the x of the conditional model is cut off as well",
):
    """Cuts the guided x off at the range of the data, [-limit, limit]. Saharia et al. find it to saturate images."""

    w: float = 4.0
    limit: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        require_limit(self.limit)

    def guided(self, model: Denoiser) -> Denoiser:
        def thresholded(cond, null, z, logsnr):
            guided = extrapolate(cond, null, self.w)
            return from_space(guided, guided.x.clamp(-self.limit, self.limit), "x", z, logsnr)

        return combined(model, thresholded)


def require_limit(limit: float) -> None:
    """ValueError unless it is positive."""
    if not limit > 0:
        raise ValueError(f"limit must be positive, not {limit}")
