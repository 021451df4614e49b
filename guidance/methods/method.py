"""What every method is: hyper-parameters, what it needs, what it costs, and the denoiser that it makes of others."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.samplers.grid import refusal

ROLES = {  # what a method may be given, by the name of the argument
    "model": "the conditional Denoiser, whose null label (None) is the unconditional one",
    "classifier": "(z, logsnr) -> logits (b, classes) of the noisy z",
    "clean": "(x) -> logits (b, classes) of clean data",
    "loss": "(x, label) -> (b,), small where x is what is wanted: any function of an image",
    "discriminator": "(z, logsnr, label) -> log-odds (b,) that z comes of real data and not of the model's samples",
    "ratios": "(logsnr, label) -> ratios (b, *shape) of guidance.methods.recfg.measure_ratios",
    "weak": "a worse Denoiser of the same data",
    "unconditional": "a second Denoiser that is asked without a label",
    "levels": "the lambdas of the trajectory, as floats",
    "noise": "() -> standard normal noise shaped as z, of streams that the sampler does not draw from",
}
NEEDS = {  # of the networks, and of the trajectory
    "null": "a model that knows the null label",
    "gradient": "a backward pass through a network",
    "groups": "a model that knows groups of classes too (guidance.grouped)",
    "attention": "a network whose attention or blocks can be altered, as guidance.backbones are",
    "embedding": "a network whose embedding of label or lambda can be altered, as guidance.backbones are",
    "image": "z of shape (channels, height, width)",
    "told": "a model that can be told another lambda than z's",
    "state": "the calls before this one: one trajectory to a closure",
    "particles": "samples that meet: the rows of a batch are not independent",
}


@dataclass(frozen=True)
class Method:
    """Base of every method. Called with the roles that it declares it returns a guided denoiser, good for one trajectory.

    w: strength, any finite number; 0 is the plain conditional model, for every method. `guidance_scale` = 1 + w.
    logsnr_min, logsnr_max: guides where logsnr_min <= lambda < logsnr_max (None: no bound), and costs nothing elsewhere.

    A method states
      name      in the registry, in tables and on the command line
      family    the group it is listed in
      roles     the arguments of `guided`, in order, of ROLES; the first is always "model"
      needs     of NEEDS
      asks      of the sampler, of guidance.samplers.grid.TAKES; a sampler that does not take it is refused
      space     what x, eps or v its non-linear arithmetic is done in; "any" if linear. A hyper-parameter where it is a choice
      price     what one guided call of the denoiser costs, the plain model's own evaluation included
      price_is_a_bound   whether a sample may cost less, by what it turns out to be
      unguided  the w at which no guide has any weight: 0, but for those whose guide stands alone on the unconditional model
      reduces   the hyper-parameters for which it is classifier-free guidance (None if there are none): a law holds it to them
    """

    w: float = 1.0
    logsnr_min: float | None = None
    logsnr_max: float | None = None

    name: ClassVar[str]
    family: ClassVar[str]
    roles: ClassVar[tuple[str, ...]] = ("model",)
    needs: ClassVar[tuple[str, ...]] = ()
    asks: ClassVar[tuple[str, ...]] = ()
    space: ClassVar[str] = "any"
    price: ClassVar[NFE] = NFE(denoiser_forward=1)
    price_is_a_bound: ClassVar[bool] = False
    unguided: ClassVar[float] = 0.0
    reduces: ClassVar[dict[str, Any] | None] = None

    def __post_init__(self):
        if not math.isfinite(self.w):
            raise ValueError(f"w must be a finite number, not {self.w}")
        low, high = self._window()
        if not low < high:
            raise ValueError(f"logsnr_min must be below logsnr_max, but {low:g} >= {high:g}")

    def guided(self, *roles: Any) -> Denoiser:
        """The guided denoiser, w not being 0; state in its closure. Called with `roles` in their order."""
        raise NotImplementedError

    def __call__(self, model: Denoiser, *others: Any, **named: Any) -> Denoiser:
        """The guided denoiser of `model` and the other roles, in their order or by name. State is its own: make one a trajectory.

        TypeError for a role that is missing or not declared.
        """
        given = dict(zip(self.roles, (model, *others))) | named
        if len(others) >= len(self.roles) or set(given) != set(self.roles):
            raise TypeError(f"{self.name} takes the roles {', '.join(self.roles)}, not {', '.join(given)}")
        if self.w == 0:
            return model
        guided = self.guided(*(given[role] for role in self.roles))
        guided = self._asking(guided) if self.asks else guided
        return guided if self._window() == (-math.inf, math.inf) else self._windowed(guided, model)

    def acts(self, logsnr: float) -> bool:
        """Whether it guides at this lambda."""
        low, high = self._window()
        return self.w != 0 and low <= logsnr < high

    def nfe(self, logsnrs: Sequence[float]) -> NFE:
        """Network function evaluations per sample of a sampler that asks at these lambdas, one after another."""
        guided = sum(self.acts(logsnr) for logsnr in logsnrs)
        return self.price * guided + NFE(denoiser_forward=1) * (len(logsnrs) - guided)

    def refuses(self, sampler: Any) -> str | None:
        """Why it is not defined for this sampler, in a sentence; None if it is."""
        missing = [name for name in self.asks if name not in sampler.takes]
        return f"{self.name}: {refusal(sampler, missing[0])}" if missing and self.w != 0 else None

    def _window(self) -> tuple[float, float]:
        ends = (self.logsnr_min, -math.inf), (self.logsnr_max, math.inf)
        return tuple(default if end is None else end for end, default in ends)

    def _asking(self, guided: Denoiser) -> Denoiser:
        def asking(z, logsnr, label):
            return guided(z, logsnr, label)._replace(asks=self.asks)

        return asking

    def _windowed(self, guided: Denoiser, model: Denoiser) -> Denoiser:
        def inside(z, logsnr, label):
            acting = {self.acts(value) for value in logsnr.unique().tolist()}
            if len(acting) > 1:
                raise ValueError(f"{self.name}: the rows of a batch must all be inside its window of lambda, or all outside")
            return (guided if acting == {True} else model)(z, logsnr, label)

        return inside
