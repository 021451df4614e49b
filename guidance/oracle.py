"""Oracles: exact counterparts, in closed form, of the networks that a method's roles are usually filled with."""

from collections.abc import Callable, Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.denoiser import Branch, Label, plain_label
from guidance.diffusion import Prediction
from guidance.mixture import Mixture


class Clean(nn.Module):
    """p(c | x) of clean data: a classifier that was never trained on noise. x is taken as z at a high lambda."""

    def __init__(self, mixture: Mixture, logsnr: float = 8.0):
        super().__init__()
        self.mixture, self.logsnr = mixture, logsnr

    def forward(self, x: Float[Tensor, "b *shape"]) -> Float[Tensor, "b classes"]:
        return self.mixture.class_logits(x, x.new_full((len(x),), self.logsnr))


class LogOdds(nn.Module):
    """log p(z | c) / q(z | c): the ideal discriminator between draws of `real` and of `generated`."""

    def __init__(self, real: Mixture, generated: Mixture):
        super().__init__()
        self.real, self.generated = real, generated

    def forward(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Int[Tensor, " b"]) -> Float[Tensor, " b"]:
        return self.real.log_prob(z, logsnr, label) - self.generated.log_prob(z, logsnr, label)


class CrossEntropy(nn.Module):
    """-log p(label | x) of a clean classifier: a loss of an image."""

    def __init__(self, clean: Callable[[Tensor], Tensor]):
        super().__init__()
        self.clean = clean

    def forward(self, x: Float[Tensor, "b *shape"], label: Int[Tensor, " b"]) -> Float[Tensor, " b"]:
        return -self.clean(x).log_softmax(-1).gather(-1, label[:, None])[:, 0]


class ExactStudent(nn.Module):
    """A Denoiser of a mixture that is conditioned on a strength w (b,): D_c + w (D_c - D_u) in one evaluation, w = 0 without one.

    What a network is that has learned the guided field of a mixture, by distillation or otherwise, without any error.
    """

    def __init__(self, mixture: Mixture):
        super().__init__()
        self.mixture = mixture

    def forward(
        self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label, strength: Tensor | None = None
    ) -> Prediction:
        """x and eps of the guided field; of the unconditional one if label is None, at every strength."""
        cond = self.mixture.forward(z, logsnr, label)
        if strength is None or label is None:
            return cond
        null, w = self.mixture.forward(z, logsnr, None), strength.reshape(-1, *(1,) * (z.ndim - 1))
        return Prediction(cond.x + w * (cond.x - null.x), cond.eps + w * (cond.eps - null.eps))

    def branches(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch]) -> list[Prediction]:
        """One prediction per entry of `labels`, a label or a Branch with a strength."""
        return [
            self(z, logsnr, plain_label(entry._replace(strength=None)), entry.strength)
            if isinstance(entry, Branch)
            else self(z, logsnr, entry)
            for entry in labels
        ]


def exact_roles(world: Mixture, weak: Mixture) -> dict[str, nn.Module]:
    """Classifier, clean classifier, discriminator (of draws of `weak`) and loss of `world`, each a module of its own."""
    clean = Clean(world)
    roles = {"classifier": world.classifier(), "clean": clean, "discriminator": LogOdds(world, weak)}
    return {**roles, "loss": CrossEntropy(lambda x: clean.forward(x))}  # not called as a module: it would be counted twice
