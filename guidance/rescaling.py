"""The rescaling of Lin et al. (arXiv 2305.08891, eqs. 15 and 16) on top of any method: `METHODS["apg"](w=3.0, rescale=0.7)`.

v~ = phi (std(v_c) / std(v)) v + (1 - phi) v,   v of the guided prediction, v_c of the conditional one

This is the guidance_rescale of diffusers, but always in v: diffusers rescales whatever the network predicts.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from guidance.backbones.perturb import RecordedAttention
from guidance.denoiser import Branch, Denoiser, Label, branches, summed
from guidance.diffusion import Prediction
from guidance.spaces import from_space, std, to_space

NOT_RESCALABLE = ("decoupled_eps", "moved_z")  # of a sampler: such methods give no one prediction of the z that was evaluated


class RecordsConditional:
    """A model that also keeps its prediction of the sample's own z for its own label, which the method evaluates anyway."""

    def __init__(self, model: Denoiser):
        self.model = model
        self.z: Tensor | None = None
        self.label: Label = None
        self.cond: Prediction | None = None
        self.evaluated = False

    def begin(self, z: Tensor, label: Label) -> None:
        """A call of the method: what is evaluated now is of this z and label."""
        self.z, self.label, self.cond, self.evaluated = z, label, None, False

    def __call__(self, z: Tensor, logsnr: Tensor, label: Label) -> Prediction:
        return self.branches(z, logsnr, [label])[0]

    def branches(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch]) -> list[Prediction]:
        """The model's branches; that of the sample's own z and label is kept."""
        found = branches(self.model, z, logsnr, labels)
        self.evaluated = True
        for entry, pred in zip(labels, found):
            if self._own(z, entry):
                self.cond = pred.map(Tensor.detach)
        return found

    def _own(self, z: Tensor, entry: Label | Branch) -> bool:
        """Whether a branch is the conditional model at the sample's z; one whose attention is recorded is."""
        label = entry.label if isinstance(entry, Branch) and isinstance(entry.perturbation, RecordedAttention) else entry
        if not (isinstance(label, Tensor) and isinstance(self.label, Tensor) and torch.equal(label, self.label)):
            return False
        return self.z is not None and (z is self.z or torch.equal(z, self.z))  # a method that differentiates has a copy of z

    def weighted_sum(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch], weights: Sequence[float]) -> Prediction:
        """The sum of the branches, which the model's own would not let be seen."""
        return summed(self.branches(z, logsnr, labels), weights)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)


def rescaled_std(guided: Float[Tensor, "b *shape"], cond: Float[Tensor, "b *shape"], phi: float) -> Float[Tensor, "b *shape"]:
    """`guided` with the standard deviation of each sample brought back to cond's, phi of the way."""
    factor = std(cond) / std(guided).clamp(min=1e-12)  # a prediction of zeros stays one
    return (phi * factor + 1 - phi) * guided


def rescaled(guided: Denoiser, model: RecordsConditional, phi: float, name: str) -> Denoiser:
    """`guided`, a denoiser made of `model`, rescaled in v; as it is where label is None or where the model was not asked at all.

    ValueError where the conditional prediction was not evaluated.
    """

    def rescaling(z, logsnr, label):
        model.begin(z, label)
        pred = guided(z, logsnr, label)
        if label is None or not model.evaluated:
            return pred
        if model.cond is None:
            raise ValueError(f"rescale needs the conditional prediction, which {name} does not evaluate: leave it at 0")
        v = rescaled_std(to_space(pred, "v", logsnr), to_space(model.cond, "v", logsnr), phi)
        return from_space(pred, v, "v", z, logsnr)

    return rescaling
