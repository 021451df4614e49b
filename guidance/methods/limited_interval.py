"""Guidance in a limited interval. Kynkaanniemi et al., 2024, arXiv 2404.07724, eq. 5.

eps~ = (1 + w) eps(z, c) - w eps(z)   where s_lo < s <= s_hi, else eps(z, c);   s = e^(-lambda / 2), the sigma of EDM
"""

from dataclasses import dataclass

from guidance.methods.classifier_free import ClassifierFree
from guidance.scale import logsnr_of_sigma

LOW, HIGH = 0.28, 2.90  # sigma of EDM2-S on ImageNet 512, Table 1


@dataclass(frozen=True)
class LimitedInterval(
    ClassifierFree, name="limited-interval", reduces_to_cfg={"logsnr_min": None, "logsnr_max": None}, tilted=False
):
    """Classifier-free guidance within a window of lambda, which every method has (Method); here its defaults are the paper's.

    Outside it is the conditional model, at one evaluation.
    """

    w: float = 1.1
    logsnr_min: float | None = logsnr_of_sigma(HIGH)
    logsnr_max: float | None = logsnr_of_sigma(LOW)
