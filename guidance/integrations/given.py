"""A method applied to predictions that somebody else's loop has already made: conditional and unconditional, of one z."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from guidance.control import StepControl
from guidance.denoiser import Branch, Denoiser, Label, plain_label
from guidance.diffusion import Prediction, from_eps
from guidance.integrations.schedulers import level, process_at
from guidance.methods.method import MODEL_REQUIREMENTS, Method

CARRIED = ("null", "state", "image")  # what a pipeline's two predictions can give a method
PROBED = tuple(range(-12, 13))  # lambdas


class NotCarried(ValueError):
    """A method asks for more than the two predictions."""


class Given:
    """A Denoiser that knows two predictions of one z, and nothing else. The label of a row is its number in the batch."""

    num_classes = 2**31  # so that a method that names another class than the sample's is told that there is no prediction of it

    def __init__(self) -> None:
        self.z: Tensor | None = None
        self.asked_null = False

    def put(self, z: Tensor, logsnr: Tensor, cond: Prediction, null: Prediction | None) -> Tensor:
        """Takes the predictions of the next call; returns the label that stands for all rows."""
        self.z, self.logsnr, self.cond, self.null = z, logsnr, cond, null
        self.label = torch.arange(len(z), device=z.device)
        return self.label

    def __call__(self, z: Tensor, logsnr: Tensor, label: Label) -> Prediction:
        return self.branches(z, logsnr, [label])[0]

    def branches(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch]) -> list[Prediction]:
        """The two predictions again. NotCarried for any other z, lambda, class or perturbation."""
        try:
            plain = [plain_label(entry) for entry in labels]
        except ValueError as error:
            raise NotCarried("it evaluates the network perturbed, or told another lambda") from error
        rows = self._rows(z, logsnr)
        found = []
        for label in plain:
            if label is not None and not torch.equal(label, self.label if rows is None else self.label[rows]):
                raise NotCarried("it evaluates the network for another class than the sample's")
            self.asked_null |= label is None
            pred = self.null if label is None else self.cond
            if pred is None:
                raise NotCarried("it needs the unconditional prediction here, which was not given")
            found.append(pred if rows is None else pred.map(lambda value: value[rows]))
        return found

    def _rows(self, z: Tensor, logsnr: Tensor) -> Tensor | None:
        """Which rows of the batch these are; None: all of them."""
        own = self.z
        if own is not None and (z is own or (z.shape == own.shape and torch.equal(z, own))):
            same: Tensor = self.logsnr
            rows = None
        else:
            matches = [] if own is None or z.shape[1:] != own.shape[1:] else [(own == row).flatten(1).all(1) for row in z]
            if not all(int(match.sum()) == 1 for match in matches) or len(matches) < len(z):
                raise NotCarried("it evaluates the network at another z than the sampler's")
            rows = torch.stack(matches).long().argmax(1) if matches else z.new_zeros(0, dtype=torch.long)
            same = self.logsnr[rows]
        if not torch.equal(logsnr, same):
            raise NotCarried("it evaluates the network at another lambda than the sampler's")
        return rows


def refusal(method: Method) -> str | None:
    """Why two predictions of one z do not suffice for a method, in one sentence; None if they do."""
    return _probe(method)[0]


def wants_null(method: Method) -> bool:
    """Whether it looks at the unconditional prediction. ValueError, in one sentence, for one that cannot be carried."""
    why, null = _probe(method)
    if why is not None:
        raise ValueError(why)
    return null


def _probe(method: Method) -> tuple[str | None, bool]:
    """The refusal, and whether the null prediction was asked for, found out by calling it on noise."""
    if others := [role for role in method.roles if role != "model"]:
        return f"{method.name}: it needs the role {others[0]}, which a pipeline does not have", False
    if lacking := [word for word in method.requires_model if word not in CARRIED]:
        return f"{method.name}: it needs {MODEL_REQUIREMENTS[lacking[0]]}; a pipeline gives two predictions of one z", False
    if method.requires_sampler:
        return f"{method.name}: it needs a sampler with {method.requires_sampler[0]}, which schedulers are not", False
    given, guided = Given(), None
    g = torch.Generator().manual_seed(0)
    for logsnr in (value for value in map(float, PROBED) if method.acts(value)):
        z, *eps = (torch.randn(2, 4, 16, 16, generator=g) for _ in range(3))
        lam = torch.full((2,), logsnr)
        label = given.put(z, lam, *(from_eps(z, value, lam) for value in eps))
        guided = method(given) if guided is None else guided
        try:
            control = guided(z, lam, label).control
        except NotCarried as why:
            return f"{method.name}: {why}", False
        except ValueError as why:
            return f"{method.name}: it cannot be used on the two predictions of a pipeline ({why})", False
        if control != StepControl() and (asked := _orders(control)):
            return f"{method.name}: it orders {asked} of the sampler's step, which schedulers do not do", False
    return None, given.asked_null


def _orders(control: StepControl) -> str | None:
    """The first order that is not the default."""
    usual = vars(StepControl())
    return next((name for name, value in vars(control).items() if value is not usual[name] and value != usual[name]), None)


class GuidedNoisePred:
    """A method for a loop of somebody else's, good for one trajectory after another: state begins anew where lambda falls back.

    scheduler: of diffusers, or anything that schedulers.process_at understands. predicts: see there. ValueError, in one sentence,
    for a method that needs more than a conditional and an unconditional prediction.
    """

    def __init__(self, method: Method, scheduler: Any, predicts: str | None = None):
        self.wants_null = wants_null(method)
        self.method, self.scheduler, self.predicts = method, scheduler, predicts
        self.reset()

    def reset(self) -> None:
        """Begins a new trajectory."""
        self._given = Given()
        self._guided: Denoiser | None = None
        self._last: tuple[float, int] | None = None

    def needs_null(self, t: Any) -> bool:
        """Whether the unconditional prediction is looked at at this timestep: not outside the window of lambda, nor at w = 0."""
        return self.wants_null and self.method.acts(process_at(self.scheduler, t, self.predicts).logsnr)

    def __call__(
        self,
        noise_pred_cond: Float[Tensor, "b ..."],
        noise_pred_null: Float[Tensor, "b ..."] | None,
        z: Float[Tensor, "b ..."],
        t: Any,
    ) -> Float[Tensor, "b ..."]:
        """The guided prediction in the convention of the given ones, and in their dtype; the arithmetic is float32 or wider.

        z: what the network was given (after scale_model_input). Channels of z beyond the prediction's (a mask, an image to
        start from) are left out; further channels of the prediction (a learned variance) are the conditional one's.
        noise_pred_null: None where `needs_null` says so. ValueError for shapes that do not fit.
        """
        process = process_at(self.scheduler, t, self.predicts)
        said, z, rest = _fitting(noise_pred_cond, z)
        dtype = torch.promote_types(said.dtype, torch.float32)
        own = z.to(dtype)
        logsnr, standard = level(process, own), process.standard(own)
        cond = process.prediction(own, said.to(dtype))
        null = None if noise_pred_null is None else process.prediction(own, _fitting(noise_pred_null, z)[0].to(dtype))
        now = (process.logsnr, len(z))
        if self._last is not None and (now[0] < self._last[0] - 1e-6 or now[1] != self._last[1]):
            self.reset()
        self._last = now
        label = self._given.put(standard, logsnr, cond, null)
        if self._guided is None:
            self._guided = self.method(self._given)
        output = process.output(self._guided(standard, logsnr, label)).to(noise_pred_cond.dtype)
        return output if rest is None else torch.cat([output, rest], 1)


def guided_noise_pred(
    method: Method,
    noise_pred_cond: Float[Tensor, "b ..."],
    noise_pred_null: Float[Tensor, "b ..."] | None,
    z: Float[Tensor, "b ..."],
    t: Any,
    scheduler: Any,
    predicts: str | None = None,
) -> Float[Tensor, "b ..."]:
    """The guided prediction of one step of any loop: see GuidedNoisePred, which methods that remember their last calls need.

    ValueError for such a method, and for one that cannot be carried.
    """
    if "state" in method.requires_model:
        raise ValueError(f"{method.name}: it remembers the steps before: make one GuidedNoisePred for the loop, and call that")
    return GuidedNoisePred(method, scheduler, predicts)(noise_pred_cond, noise_pred_null, z, t)


def _fitting(output: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
    """The prediction and z with the channels that they share, and what the prediction has besides."""
    if output.ndim != z.ndim or output.shape[0] != z.shape[0] or output.shape[2:] != z.shape[2:]:
        raise ValueError(f"the prediction has the shape {tuple(output.shape)}, z {tuple(z.shape)}: they must be of one sample's")
    c, c_z = output.shape[1], z.shape[1]
    if c == c_z:
        return output, z, None
    if c < c_z:
        return output, z[:, :c], None
    if c != 2 * c_z:
        raise ValueError(f"the prediction has {c} channels, z {c_z}: as many, or twice as many with a learned variance")
    return output[:, :c_z], z, output[:, c_z:]
