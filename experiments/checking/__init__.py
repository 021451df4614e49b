"""Is a denoiser that somebody's adapter made the right one? Statistics of denoised test images, and four verdicts on them."""

from experiments.checking.measured import Measured, measure
from experiments.checking.verdicts import Verdict, verdicts

__all__ = ["Measured", "Verdict", "measure", "verdicts"]
