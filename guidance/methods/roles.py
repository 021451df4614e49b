"""What a method may be given: the roles by name, how each is called, and what is no role of that name."""

import inspect
from typing import Any

from torch import nn

ROLES = {  # what a method may be given, by the name of the argument
    "model": "the conditional Denoiser, whose null label (None) is the unconditional one",
    "classifier": "(z, logsnr) -> logits (b, classes) of the noisy z",
    "clean": "(x) -> logits (b, classes) of clean data",
    "loss": "(x, label) -> (b,), small where x is what is wanted: any function of an image",
    "discriminator": "(z, logsnr, label) -> log-odds (b,) that z comes from real data and not from the model's samples",
    "ratios": "(logsnr, label) -> ratios (b, *shape) of guidance.methods.recfg.measure_ratios",
    "weak": "a worse Denoiser of the same data",
    "unconditional": "a second Denoiser that is evaluated without a label",
    "levels": "the lambdas of the trajectory, as floats",
    "noise": "() -> standard normal noise shaped as z, of streams that the sampler does not draw from",
}
CALLED = {  # how a role is called, of those that are
    "model": ("z", "logsnr", "label"),
    "classifier": ("z", "logsnr"),
    "clean": ("x",),
    "loss": ("x", "label"),
    "discriminator": ("z", "logsnr", "label"),
    "ratios": ("logsnr", "label"),
    "weak": ("z", "logsnr", "label"),
    "unconditional": ("z", "logsnr", "label"),
    "noise": (),
}


def takes(given: Any, arguments: int) -> bool:
    """Whether `given` can be called with so many arguments; True for what does not tell."""
    try:
        inspect.signature(given.forward if isinstance(given, nn.Module) else given).bind(*[None] * arguments)
    except TypeError:  # not callable, or not so
        return False
    except ValueError:
        return True
    return True


def require_instance(argument: str, given: Any) -> None:
    """TypeError for a class or a name in place of what `argument` must be."""
    if isinstance(given, type):
        raise TypeError(f"{argument} must be an instance, as {given.__name__}(...), not the class {given.__name__}")
    if isinstance(given, str):
        raise TypeError(f"{argument} must be an object, not its name {given!r}: look it up, as SAMPLERS[{given!r}]()")


def name_of(given: Any) -> str:
    return getattr(given, "__name__", type(given).__name__)
