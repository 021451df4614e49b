"""p(c | z_lambda) and p(c | x): timm networks that guide, and timm networks that judge."""

from classifiers.evaluator import Evaluator
from classifiers.noise_aware import NoiseAware

__all__ = ["Evaluator", "NoiseAware"]
