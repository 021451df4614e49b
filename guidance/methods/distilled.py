"""A student that was distilled from a guided teacher. Meng et al., 2022, arXiv 2210.03142, stage one.

D = D_student(z, lambda, c, w),   trained to be D_c + w (D_c - D_u) of its teacher, over a range of w
"""

from dataclasses import dataclass

from guidance.trained_strength import TrainedStrength


@dataclass(frozen=True)
class Distilled(TrainedStrength, name="distilled"):
    """Gives w to a network that is conditioned on it: guidance at the price of one evaluation, over the w of its training alone.

    It is classifier-free guidance as far as the student has learned its teacher's; experiments.objectives trains one.
    """
