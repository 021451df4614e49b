"""p(c | z_lambda) and p(c | x): networks that guide, networks that evaluate, and the classifiers inside generative models.

Names are imported at their first use: timm takes seconds, and only some of them need it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from classifiers.evaluator import Evaluator
    from classifiers.generative import Implicit
    from classifiers.guide import Guide
    from classifiers.half_unet import HalfUNet
    from classifiers.joint_energy import JointEnergy
    from classifiers.noise_aware import NoiseAware

WHERE = {
    "Evaluator": "evaluator",
    "Guide": "guide",
    "HalfUNet": "half_unet",
    "Implicit": "generative",
    "JointEnergy": "joint_energy",
    "NoiseAware": "noise_aware",
}
__all__ = ["Evaluator", "Guide", "HalfUNet", "Implicit", "JointEnergy", "NoiseAware"]


def __getattr__(name: str) -> Any:
    if name not in WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{WHERE[name]}"), name)
