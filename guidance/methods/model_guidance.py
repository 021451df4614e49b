"""Model-guidance (MG). Tang et al., 2025, arXiv 2502.12154, with the scale as a condition of the network.

D_w = D(z, c, w),   w = scale - 1

The scale as a condition is ScaleAwareSiT of the authors' train.py, models.py and sampler.py (read in the fork
Peterande/Diffusion-wo-CFG; the paper itself could not be read beyond its abstract and introduction). With one fixed scale, as in
the paper's best model, the network's plain conditional prediction is the guided one: it needs no method, and is sampled at w = 0.
experiments.objectives.model_guidance trains both, and says what their optima are.
"""

from dataclasses import dataclass

from guidance.trained_strength import TrainedStrength


@dataclass(frozen=True)
class ModelGuidance(TrainedStrength, name="model-guidance"):
    """One forward of a network that was trained by the objective model-guidance over a range of w, at this w."""
