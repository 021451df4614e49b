"""What every method is: hyper-parameters, what it requires, what it costs, and the guided denoiser that it makes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from guidance.control import step_start
from guidance.cost import NFE
from guidance.denoiser import Denoiser
from guidance.level import ROUNDING, distinct_levels
from guidance.methods.roles import CALLED, name_of, require_instance, takes
from guidance.rescaling import NOT_RESCALABLE, RecordsConditional, rescaled
from guidance.samplers.grid import refusal
from guidance.spaces import require_space

MODEL_REQUIREMENTS = {  # of the networks, and of the trajectory
    "null": "a model that knows the null label",
    "gradient": "a backward pass through a network",
    "groups": "a model that knows groups of classes too (guidance.grouped)",
    "attention": "a network whose attention or blocks can be perturbed, as guidance.backbones are",
    "embedding": "a network whose embedding of label or lambda can be perturbed, as guidance.backbones are",
    "internal": "a network with an internal head that was trained (internal_head of guidance.backbones)",
    "image": "z of shape (channels, height, width)",
    "strength": "a network that was trained to be conditioned on a strength, as the options `strength` of guidance.backbones",
    "logsnr_cond": "a model that can be conditioned on another lambda than z's",
    "state": "the calls before this one: one trajectory to a closure",
    "particles": "interacting samples: the rows of a batch are not independent",
}
FORMER = {  # names of before version 0.2
    "needs": "requires_model",
    "asks": "requires_sampler",
    "price": "nfe_per_call",
    "price_is_a_bound": "nfe_is_upper_bound",
    "unguided": "null_w",
    "reduces": "reduces_to_cfg",
}


@dataclass(frozen=True)
class Method:
    """Base of every method. Called with the roles that it declares it returns a guided denoiser, good for one trajectory.

    w: strength, any finite number; 0 is the plain conditional model, for every method. `guidance_scale` = 1 + w.
    logsnr_min, logsnr_max: guides where logsnr_min <= lambda < logsnr_max (None: no bound), and costs nothing elsewhere. Of the
        several calls of a step all are guided or none, as the lambda at its start says.
    rescale: how much of the way the standard deviation that guidance has enlarged is brought back, 0 to 1 (guidance.rescaling).

    A method declares, as keywords of its class: `class Mine(Method, name="mine", family="correction")`,
      name                in the registry, in tables and on the command line
      family              the group it is listed in, of guidance.methods.FAMILIES
      roles               the arguments of `guided`, in order, of ROLES; the first is always "model"
      requires_model      of MODEL_REQUIREMENTS
      requires_sampler    of guidance.control.CAPABILITIES; a sampler that is not capable of it is refused
      space               of its non-linear arithmetic, of guidance.spaces.SPACES; "any" if linear; a field where it is a choice
      nfe_per_call        what one guided call of the denoiser costs, the plain model's own evaluation included
      nfe_outside         what a call outside the window costs
      nfe_is_upper_bound  whether a sample may cost less, depending on its values
      null_w              the w at which no guide has any weight: 0, or -1 where the guide is applied to the unconditional model
      reduces_to_cfg      the hyper-parameters for which it is classifier-free guidance, which a law tests (None: there are none)
      tilted              whether, with exact roles and its defaults, its score is that of p(z|c) p(c|z)^w at every lambda
      direction           of its update: "class", as D(c) - D(null); "weak", away from a worse prediction; or, in words, neither
      jumps_at_zero       why it does not tend to the conditional model as w -> 0, in words (None: it does)
      own_scale           why it is classifier-free guidance of a strength other than w, in words (None: it is not)
      decides_by_value    why it reads a batch's numbers on the way, so that no CUDA graph can be captured (None: it does not)
    What depends on hyper-parameters (nfe_per_call, nfe_outside, space) is a property or a field of that name instead.
    """

    w: float = 1.0
    logsnr_min: float | None = None
    logsnr_max: float | None = None
    rescale: float = 0.0

    name: ClassVar[str]
    family: ClassVar[str]
    roles: ClassVar[tuple[str, ...]] = ("model",)
    requires_model: ClassVar[tuple[str, ...]] = ()
    requires_sampler: ClassVar[tuple[str, ...]] = ()
    if TYPE_CHECKING:  # to a type checker what a field or a property may replace, as it may these

        @property
        def space(self) -> str: ...
        @property
        def nfe_per_call(self) -> NFE: ...
        @property
        def nfe_outside(self) -> NFE: ...
    else:
        space: ClassVar[str] = "any"
        nfe_per_call: ClassVar[NFE] = NFE(denoiser_forward=1)
        nfe_outside: ClassVar[NFE] = NFE(denoiser_forward=1)
    nfe_is_upper_bound: ClassVar[bool] = False
    null_w: ClassVar[float] = 0.0
    reduces_to_cfg: ClassVar[dict[str, Any] | None] = None
    tilted: ClassVar[bool] = False
    direction: ClassVar[str] = "class"
    jumps_at_zero: ClassVar[str | None] = None
    own_scale: ClassVar[str | None] = None
    decides_by_value: ClassVar[str | None] = None

    def __init_subclass__(cls, **declared: Any):
        """Makes class attributes of the keywords. TypeError for one that is unknown, and for an attribute's former name."""
        super().__init_subclass__()
        for word, value in declared.items():
            if word in FORMER or word not in DECLARED:
                known = f"it is called {FORMER[word]} now" if word in FORMER else f"it may declare {', '.join(DECLARED)}"
                raise TypeError(f"{cls.__name__} declares {word!r}: {known}")
            setattr(cls, word, value)
        fields = {word for word, hint in vars(cls).get("__annotations__", {}).items() if "ClassVar" not in str(hint)}
        if former := [word for word in FORMER if word in vars(cls).keys() - fields]:
            renamed = ", ".join(f"{word!r} is called {FORMER[word]!r} now" for word in former)
            raise TypeError(f"{cls.__name__}: {renamed}, as in `class {cls.__name__}(Method, {FORMER[former[0]]}=...)`")

    def __post_init__(self):
        try:
            finite = math.isfinite(self.w)
        except TypeError:
            right = f"{type(self).__name__}(w=1.0)({', '.join(self.roles)})"
            raise TypeError(f"w must be a number, as in {right}, not a {type(self.w).__name__}: roles come after it") from None
        if not finite:
            raise ValueError(f"w must be a finite number, not {self.w}")
        if self.space != "any":
            require_space(self.space)
        if not 0 <= self.rescale <= 1:
            raise ValueError(f"rescale must lie in [0, 1], not {self.rescale}")
        if self.rescale and set(NOT_RESCALABLE) & set(self.requires_sampler):
            raise ValueError(
                f"rescale: {self.name} moves z or renoises with another eps, and has no prediction to rescale: leave it at 0"
            )
        low, high = self._window()
        if not low < high:
            raise ValueError(f"logsnr_min must be below logsnr_max, but {low:g} >= {high:g}")

    def guided(self, *roles: Any) -> Denoiser:
        """The guided denoiser, w not being 0; state in its closure. Called with `roles` in their order."""
        raise NotImplementedError

    def __call__(self, model: Denoiser, *others: Any, **named: Any) -> Denoiser:
        """The guided denoiser of `model` and the other roles, in their order or by name. Its state is that of one trajectory.

        A Mixture is taken as its own exact classifier. TypeError for a role that is missing or not declared, or is not called as
        ROLES say.
        """
        given = dict(zip(self.roles, (model, *others))) | named
        if len(others) >= len(self.roles) or set(given) != set(self.roles):
            raise TypeError(f"{self.name} takes the roles {', '.join(self.roles)}, not {', '.join(given)}")
        given = {role: as_role(role, given[role]) for role in self.roles}
        if self.w == 0:
            return given["model"]
        if self.rescale:
            given["model"] = RecordsConditional(given["model"])
        guided = self.guided(*given.values())
        if self.rescale:
            guided = rescaled(guided, given["model"], self.rescale, self.name)
        guided = self._requiring(guided) if self.requires_sampler else guided
        return guided if self._window() == (-math.inf, math.inf) else self._windowed(guided, self.outside(model))

    def outside(self, model: Denoiser) -> Denoiser:
        """What the denoiser is outside the window of lambda: the conditional model. Its cost is `nfe_outside`."""
        return model

    def acts(self, logsnr: float) -> bool:
        """Whether it guides at this lambda. One that went through float32 stays on its side of a bound."""
        low, high = self._window()
        return self.w != 0 and low - ROUNDING <= logsnr < high - ROUNDING

    def nfe(self, logsnrs: Sequence[float]) -> NFE:
        """Network function evaluations per sample of a sampler that calls the denoiser at these lambdas, one after another.

        Of the later calls of a step, the lambda at its start (guidance.control.step_start).
        """
        guided = sum(self.acts(logsnr) for logsnr in logsnrs)
        outside = self.nfe_outside if self.w else NFE(denoiser_forward=1)
        return self.nfe_per_call * guided + outside * (len(logsnrs) - guided)

    def refuses(self, sampler: Any) -> str | None:
        """Why it is not defined for this sampler, in a sentence; None if it is."""
        missing = [word for word in self.requires_sampler if word not in sampler.capabilities]
        return f"{self.name}: {refusal(sampler, missing[0])}" if missing and self.w != 0 else None

    def of_all_rows(self, decide: Callable[[float], bool], logsnr: Tensor) -> bool:
        """What `decide` says of the lambda at which the rows' step began. ValueError if it says both of one batch."""
        decided = {decide(step_start(value)) for value in distinct_levels(logsnr)}
        if len(decided) > 1:
            raise ValueError(f"{self.name}: the rows of a batch must all be inside its window of lambda, or all outside")
        return decided == {True}

    def _window(self) -> tuple[float, float]:
        low = -math.inf if self.logsnr_min is None else self.logsnr_min
        return low, math.inf if self.logsnr_max is None else self.logsnr_max

    def _requiring(self, guided: Denoiser) -> Denoiser:
        def requiring(z, logsnr, label):
            pred = guided(z, logsnr, label)
            return pred.with_control(requires=tuple(dict.fromkeys((*pred.control.requires, *self.requires_sampler))))

        return requiring

    def _windowed(self, guided: Denoiser, outside: Denoiser) -> Denoiser:
        def windowed(z, logsnr, label):
            return (guided if self.of_all_rows(self.acts, logsnr) else outside)(z, logsnr, label)

        return windowed


DECLARED = tuple(word for word, hint in Method.__annotations__.items() if getattr(hint, "__origin__", None) is ClassVar)


def as_role(role: str, given: Any) -> Any:
    """`given` as a method's role; of what has class_logits, as Mixture has, these are the classifier.

    TypeError, in a sentence, for a class, a Method, or what cannot be called as CALLED says.
    """
    require_instance(role, given)
    if isinstance(given, Method):
        raise TypeError(f"{role} must be a Denoiser and no method: give {given.name} its roles first")
    if role == "classifier":
        given = getattr(given, "class_logits", given)
    if role in CALLED and not takes(given, len(CALLED[role])):
        other = next((one for one in ("clean", "classifier", "loss") if one != role and takes(given, len(CALLED[one]))), None)
        hint = f"; with ({', '.join(CALLED[other])}) it can be the role {other}" if other and "model" not in (role, other) else ""
        raise TypeError(f"{role} must be called with ({', '.join(CALLED[role])}), which {name_of(given)} cannot be{hint}")
    return given
