"""p(c | z_lambda) and p(c | x): networks that guide, networks that judge, and the classifiers inside generative models."""

from classifiers.evaluator import Evaluator
from classifiers.generative import Implicit
from classifiers.guide import Guide
from classifiers.half_unet import HalfUNet
from classifiers.joint_energy import JointEnergy
from classifiers.noise_aware import NoiseAware

__all__ = ["Evaluator", "Guide", "HalfUNet", "Implicit", "JointEnergy", "NoiseAware"]
