"""What a scheduler of diffusers says about its z at a timestep: z = a x + s eps, and what its network predicts of it.

chain    a^2 = alphas_cumprod[t], s^2 = 1 - a^2; of schedulers with their own sigmas (Euler, DPM-Solver, UniPC, also with Karras'
         sigmas) a = 1 / sqrt(1 + sigma^2), s = sigma a: z is then what the network is given, after scale_model_input
flow     a = 1 - sigma, s = sigma, the network predicts the velocity eps - x

Facts of diffusers 0.42. Only attributes are read: nothing of diffusers is imported.
"""

import math
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from guidance.diffusion import Prediction
from guidance.level import at

FARTHEST = 20.0  # |lambda|: a flow begins at a = 0, where lambda is minus infinity
PREDICTION_TYPES = {"epsilon": "eps", "sample": "x", "v_prediction": "v", "flow_prediction": "velocity"}
PREDICTS = ("eps", "x", "v", "velocity", "reverse velocity")


@dataclass(frozen=True)
class Process:
    """One level of a scheduler: the factors a of x and s of eps in the z that its network is given, and what that predicts."""

    a: float
    s: float
    predicts: str

    @property
    def logsnr(self) -> float:
        """lambda = 2 log(a / s)."""
        return 2 * math.log(self.a / self.s)

    def standard(self, z: Float[Tensor, "b *shape"]) -> Float[Tensor, "b *shape"]:
        """z in our scale, a^2 + s^2 = 1."""
        return z / math.hypot(self.a, self.s)

    def prediction(self, z: Float[Tensor, "b *shape"], output: Float[Tensor, "b *shape"]) -> Prediction:
        """x and eps by what the network said of its own z: two linear equations."""
        if self.predicts == "eps":
            return Prediction((z - self.s * output) / self.a, output)
        if self.predicts == "x":
            return Prediction(output, (z - self.a * output) / self.s)
        of_eps, of_x = self._shares()
        both = self.a * of_eps + self.s * of_x
        return Prediction((of_eps * z - self.s * output) / both, (of_x * z + self.a * output) / both)

    def output(self, pred: Prediction) -> Float[Tensor, "b *shape"]:
        """What a network that predicts x and eps so would have said: the inverse of `prediction`."""
        if self.predicts in ("eps", "x"):
            return pred.eps if self.predicts == "eps" else pred.x
        of_eps, of_x = self._shares()
        return of_eps * pred.eps - of_x * pred.x

    def _shares(self) -> tuple[float, float]:
        """The output is the first times eps less the second times x."""
        return {"v": (self.a, self.s), "velocity": (1.0, 1.0), "reverse velocity": (-1.0, -1.0)}[self.predicts]


def process_at(scheduler: Any, t: Any, predicts: str | None = None) -> Process:
    """The process of a scheduler at its timestep t, a number or a tensor of one.

    predicts: of PREDICTS, where the network says something else than the scheduler's prediction_type, as it does in pipelines
    that turn its sign. ValueError for a scheduler whose z is neither a chain's nor a flow's (EDM's, say, where the network's
    preconditioning is outside the network), and for a timestep that it does not have.
    """
    t = _number(t)
    config, name = scheduler.config, type(scheduler).__name__
    said = config.get("prediction_type") or "epsilon"
    chained = getattr(scheduler, "alphas_cumprod", None)
    if said == "flow_prediction" or (chained is None and hasattr(scheduler, "scale_noise")):
        sigma = _sigma(scheduler, t)
        if sigma is None:
            raise ValueError(f"{name} has no timestep {t:g}: call its set_timesteps first, and give one of its timesteps")
        return _process(1 - sigma, sigma, predicts or "velocity")
    if chained is None or said not in PREDICTION_TYPES:
        raise ValueError(f"{name} (prediction_type {said!r}) is neither a chain nor a flow: its lambda is not known")
    predicts = predicts or PREDICTION_TYPES[said]
    if (sigma := _sigma(scheduler, t)) is not None:
        return _process(1 / math.hypot(1, sigma), sigma / math.hypot(1, sigma), predicts)
    if t != int(t) or not 0 <= t < len(chained):
        raise ValueError(f"{name} has no timestep {t:g}: its chain has 0 to {len(chained) - 1}")
    kept = chained[int(t)].double().item()
    return _process(math.sqrt(kept), math.sqrt(1 - kept), predicts)


def _sigma(scheduler: Any, t: float) -> float | None:
    """The scheduler's own sigma at t; None where it keeps none, or has no such timestep."""
    sigmas, timesteps = getattr(scheduler, "sigmas", None), getattr(scheduler, "timesteps", None)
    if not isinstance(sigmas, Tensor) or not isinstance(timesteps, Tensor):
        return None
    at = (timesteps.double().cpu() == float(t)).nonzero().flatten()
    step = getattr(scheduler, "step_index", None)  # of timesteps that are equal after rounding, the current one
    if not len(at):
        return None
    return sigmas[int(at[0]) if step is None or step not in at else step].double().item()


def _process(a: float, s: float, predicts: str) -> Process:
    """Within FARTHEST, where x and eps are both numbers."""
    if predicts not in PREDICTS:
        raise ValueError(f"predicts must be {', '.join(PREDICTS)}, not {predicts!r}")
    ratio = math.exp(-FARTHEST / 2)
    return Process(max(a, ratio * s), max(s, ratio * a), predicts)


def _number(t: Any) -> float:
    if isinstance(t, Tensor):
        if t.unique().numel() != 1:
            raise ValueError("the rows of a batch must all be at one timestep")
        return t.flatten()[0].double().item()
    return float(t)


def level(process: Process, z: Tensor) -> Float[Tensor, " b"]:
    """lambda for every row of z, in its dtype."""
    return at(process.logsnr, z)
