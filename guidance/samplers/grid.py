"""What every sampler's loop needs of its grid of lambda."""

import math
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor

from guidance.control import CAPABILITIES, later_call_of_step
from guidance.denoiser import Denoiser, Label
from guidance.diffusion import Prediction
from guidance.level import alpha_sigma_at as alpha_sigma_at  # for samplers, beside what else they need
from guidance.level import at, rounded


def levels(logsnrs: Float[Tensor, " steps"]) -> list[float]:
    """The grid as floats. ValueError unless it is finite and increases strictly, from noise to data; TypeError for no tensor."""
    if not isinstance(logsnrs, Tensor):
        was = f"{logsnrs!r}" if isinstance(logsnrs, int) else f"a {type(logsnrs).__name__}"
        raise TypeError(f"logsnrs must be a tensor of increasing lambdas, as CosineLogSNR().grid(50), not {was}")
    values = logsnrs.tolist()
    rising = all(low < high for low, high in pairwise(values))
    if len(values) < 2 or not (rising and math.isfinite(values[0]) and math.isfinite(values[-1])):
        raise ValueError("logsnrs must be two or more finite values that increase strictly, from noise to data")
    return values


def evaluate(
    sampler, denoiser: Denoiser, z: Float[Tensor, "b *shape"], logsnr: float, label: Label, step: float | None = None
) -> tuple[Tensor, Prediction]:
    """The denoiser's prediction at one lambda, and the z that it is of: the given one, or the one that its control moves to.

    step: the lambda at which the step began, of its calls after the first.
    ValueError if the prediction's control requires what the sampler is not capable of: it would be ignored silently.
    """
    if step is None:
        pred = denoiser(z, at(logsnr, z), label)
    else:
        with later_call_of_step(rounded(step, z.dtype)):  # as the first call's
            pred = denoiser(z, at(logsnr, z), label)
    if isinstance(pred, Tensor):
        raise TypeError("denoiser must give a Prediction, not a tensor: wrap a network, as NetworkDenoiser(network, num_classes)")
    for word in pred.control.requires:
        if word not in sampler.capabilities:
            raise ValueError(refusal(sampler, word))
    return (z if pred.control.z is None else pred.control.z), pred


def refusal(sampler, word: str) -> str:
    """Why `sampler` cannot be used with a method that requires `word` of CAPABILITIES."""
    return f"this guidance needs a sampler that {CAPABILITIES[word]}; {sampler.name} is none (guidance-bench samplers lists them)"
