"""What a guidance method asks of the sampler besides its prediction: one StepControl, which by default asks nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Float
from torch import Tensor

CAPABILITIES = {  # what a method may require of a sampler, and what a sampler that is capable of it does
    "mean_shift": "draws each step from a Gaussian whose mean may be shifted",
    "moved_z": "may be moved to another z between its steps",
    "decoupled_eps": "renoises with an eps of another score than its x",
    "single_call": "calls the denoiser once a step and goes from one state to the next",
    "step_noise": "draws noise in every step",
    "transition": "reports the Gaussian that it draws each step from",
}

_STEP: ContextVar[float | None] = ContextVar("lambda at the start of the step", default=None)


@contextmanager
def later_call_of_step(logsnr: float) -> Iterator[None]:
    """Calls of the denoiser inside belong to the sampler's step that began at `logsnr`, whatever lambda they are at.

    A context variable, not an argument, so that denoisers that wrap others need not pass it on.
    """
    token = _STEP.set(logsnr)
    try:
        yield
    finally:
        _STEP.reset(token)


def step_start(logsnr: float) -> float:
    """The lambda at the start of the current step (`logsnr` itself in its first call). Decisions made once per step use it."""
    start = _STEP.get()
    return logsnr if start is None else start


@dataclass(frozen=True, eq=False)
class StepControl:
    """Requests for the step that a sampler makes with a prediction. The defaults ask nothing.

    requires: words of CAPABILITIES; a sampler without one of them refuses the prediction (guidance.samplers.grid.evaluate).
    z: the step starts from this z, at the same lambda, instead of the z that was evaluated; x and eps are predictions of it.
    mean_shift: the mean of the step moves by the variance of its noise times this (Dhariwal & Nichol, Algorithm 1).
    noise_scale: the standard deviation of the step's noise is multiplied by this.
    on_transition: called with the step's mean (before mean_shift) and variance (before noise_scale) before its noise is drawn.
    """

    requires: tuple[str, ...] = ()
    z: Float[Tensor, "b *shape"] | None = None
    mean_shift: Float[Tensor, "b *shape"] | None = None
    noise_scale: float = 1.0
    on_transition: Callable[[Tensor, Tensor | float], None] | None = None

    def draw(
        self, mean: Float[Tensor, "b *shape"], std: Float[Tensor, "b *shape"] | float, noise: Callable[[], Tensor]
    ) -> Float[Tensor, "b *shape"]:
        """z' ~ N(mean + std^2 mean_shift, (noise_scale std)^2); if std is the number 0, the mean, and no noise is drawn."""
        if self.on_transition is not None:
            self.on_transition(mean, std**2)
        z = mean + self.noise_scale * std * noise() if isinstance(std, Tensor) or std > 0 else mean
        return z if self.mean_shift is None else z + std**2 * self.mean_shift

    def scaled(self, noise: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """`noise` with its standard deviation multiplied by noise_scale."""
        return lambda: self.noise_scale * noise()

    def map(self, function: Callable[[Tensor], Tensor]) -> "StepControl":
        """The same orders, every tensor of them put through `function`."""
        tensors: dict[str, Any] = {name: function(value) for name, value in vars(self).items() if isinstance(value, Tensor)}
        return replace(self, **tensors) if tensors else self
