"""Guidance that a network has learned: it is conditioned on a strength, and one forward gives the guided prediction.

D_w = D(z, c, s(w)),   one call of the network;   w = 0 is D(z, c, 0), the plain conditional model;   w = -1 is D(z, null)

What the network says at s is a matter of the objective that it was trained by, and each has a method of its own name, which says
what s is of w. An optimally trained one says D_c + w (D_c - D_u) at every s(w): ExactlyTrained is that, of an exact model.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from guidance.denoiser import Branch, Denoiser, Label, branches
from guidance.diffusion import Prediction
from guidance.methods.method import Method
from guidance.mixture import Mixture
from guidance.strengths import Strengths

ROOM = 1e-6  # of a strength, for rounding


@dataclass(frozen=True)
class TrainedStrength(Method, family="classifier-free", requires_model=("strength",), reduces_to_cfg={}, tilted=True):
    """Base: the network's own prediction at the strength of w. One forward a call.

    ValueError for a w that no such network was trained at: below 0, but for -1, which is the null label; for `rescale`, which
    needs the plain conditional prediction beside it; and, once the model is given, for one that says that it was trained by
    another objective or not up to this w (NetworkDenoiser.strengths).
    """

    def __post_init__(self):
        super().__post_init__()
        if self.w < 0 and self.w != -1:
            raise ValueError(f"{self.name}: w must be 0 or more, or -1, the unconditional model, not {self.w:g}")
        if self.rescale:
            raise ValueError(f"rescale needs the conditional prediction, which {self.name} does not evaluate: leave it at 0")

    @property
    def strength(self) -> float:
        """What the network is given for this w."""
        return self.w

    @staticmethod
    def w_of(strength: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        """The w that a strength stands for."""
        return strength

    def guided(self, model: Denoiser) -> Denoiser:
        if self.w == -1:
            return lambda z, logsnr, label: model(z, logsnr, None)
        strength = self.strength
        require_trained(model, self, strength)

        def guided(z, logsnr, label):
            return branches(model, z, logsnr, [Branch(label, strength=logsnr.new_full(logsnr.shape, strength))])[0]

        return guided


def require_trained(model: Denoiser, method: TrainedStrength, strength: float) -> None:
    """ValueError for a model that was trained by another objective than the method's, or not at this strength."""
    trained = getattr(model, "strengths", None)
    if trained is not None and (why := untrained(trained, method, strength)):
        raise ValueError(why)


def untrained(trained: Strengths, method: TrainedStrength, strength: float) -> str | None:
    """Why a network of that training cannot be asked by the method at this strength, in one line; None if it can."""
    if trained.objective != method.name:
        return f"{method.name}: this network was trained by the objective {trained.objective}, and not by {method.name}"
    if trained.low - ROOM <= strength <= trained.high + ROOM:
        return None
    said = f"{method.name}: w = {method.w:g} is the strength {strength:g}"
    return f"{said}, and this network was trained from {trained.low:g} to {trained.high:g}"


class ExactlyTrained(nn.Module):
    """A mixture as the optimum of such a training: at every strength the exact guided prediction, in one evaluation of this.

    kind: the method that says which w a strength stands for.
    """

    def __init__(self, mixture: Mixture, kind: type[TrainedStrength]):
        super().__init__()
        self.mixture, self.kind, self.num_classes = mixture, kind, mixture.classes

    def forward(
        self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label, strength: Float[Tensor, " b"] | None = None
    ) -> Prediction:
        """D_c + w (D_c - D_u); without a strength, or a label, the mixture's own prediction."""
        cond = self.mixture.forward(z, logsnr, label)
        if strength is None or label is None:
            return cond
        null, w = self.mixture.forward(z, logsnr, None), self.kind.w_of(strength).to(z).view(-1, *(1,) * (z.ndim - 1))
        return Prediction(cond.x + w * (cond.x - null.x), cond.eps + w * (cond.eps - null.eps))

    def branches(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch]) -> list[Prediction]:
        """One prediction per entry of `labels`: a label, or a branch that has a strength too."""
        entries = [entry if isinstance(entry, Branch) else Branch(entry) for entry in labels]
        if any(entry.logsnr_cond is not None or entry.perturbation is not None for entry in entries):
            raise ValueError("an exactly trained model takes labels and strengths only")
        return [self(z, logsnr, entry.label, entry.strength) for entry in entries]
