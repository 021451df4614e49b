"""What both kinds of distillation share: a teacher that is a parent task, weights that begin as its own, a loss in x.

The objective is a value that holds the teacher's training. `opened` loads the teacher, once it has been trained, and gives the
objective that the training loop then asks for losses; nothing else of a training knows that there is a teacher.
"""

from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, ClassVar

import torch
from jaxtyping import Float
from pydantic import BeforeValidator
from torch import Tensor, nn

from experiments.graph.store import Store
from experiments.networks import require
from experiments.objectives.batches import ByRows, batch
from experiments.objectives.internal_heads import require_no_internal_head
from experiments.problems import Problem
from experiments.tasks.train import Train
from experiments.worlds.world import Data, Labelled
from guidance import adapters
from guidance.denoiser import Clipped, Denoiser, NetworkDenoiser
from guidance.diffusion import TARGETS
from guidance.methods.distilled import Distilled
from guidance.objective import drop_labels
from guidance.strengths import Strengths
from guidance.weightings import OnEps, TruncatedSNR

NEW = "strength"  # in the names of weights that a student has and its teacher may not have


def as_training(given: Any) -> Any:
    """A training, or the one whose JSON form `given` is. ValueError for the address of one: its values are not in it."""
    if isinstance(given, dict) and "task" in given:
        raise ValueError(f"the run {given['task']} is named by its address alone: give the values of its training")
    return given


Teacher = Annotated[Train, BeforeValidator(as_training)]


class Distilling(ByRows):
    """A distillation is a value with the fields below, `strength_range`, `draw`, `losses_by` and `metrics_by`.

    target: what the student predicts. The outputs of both are turned into x, each by the formula of its own target, and compared
    as x, so that a student of v may learn from a teacher of eps; its first weights are the teacher's all the same.
    clip: the teacher's x is clipped to [-clip, clip], as a sampler clips it: an x made of eps is an error, magnified, where alpha
    is small. None: as it is. weighting: of the error of x. None: max(SNR, 1), as in the paper, of a student that predicts x or v,
    and 1 on the error of eps of one that predicts eps, whose x is its error magnified by e^-lambda: a weight on x that does not
    vanish at small lambda would train it there alone. p_uncond: the share of labels dropped, so that the student knows the null
    label (0: it does not).
    """

    guided_by: ClassVar[str] = Distilled.name
    teacher: Train
    target: Any
    weighting: Any
    clip: float | None
    p_uncond: float

    @property
    def density(self) -> Any:
        """Of the teacher's lambda, which is the student's."""
        return self.teacher.objective.density

    @property
    def strength_range(self) -> tuple[float, float] | None:
        """The least and the largest w that the student is conditioned on; None of one that is not."""
        raise NotImplementedError

    def build(self, network: Any, world: Any) -> nn.Module:
        module = require(network, "denoiser")(world, world.classes, False)
        adapters.logsnr(module)  # what every network of the registry takes
        require_no_internal_head(module, "a distillation")
        return module

    def of_seed(self, seed: int, density: Any) -> "Distilling":
        """The same of the teacher of a further seed."""
        return replace(self, teacher=self.teacher.of_seed(seed, density))  # type: ignore[type-var]  # a value

    def refuses(self, world: Any, network: Any) -> str | None:
        """Why this teacher cannot teach that network on that world, in one line; None if it can."""
        theirs = self.teacher.objective
        if not hasattr(theirs, "target") or not hasattr(theirs, "density"):
            return f"objective.teacher: a {self.teacher.kind} is no denoiser"
        if getattr(theirs, "variance", "fixed") != "fixed" or getattr(theirs, "groups", 0):
            return "objective.teacher: it learned its variance or groups of classes, which no student does: take another"
        if getattr(theirs, "of_pairs", False):
            return "objective.teacher: it learned pairs of labels, which no student does: take another"
        if self.teacher.world != world:
            return f"objective.teacher: it is of the world {self.teacher.world.label}, and the student of {world.label}"
        if (plain := without_strength(self.teacher.network)) != without_strength(network):
            return f"objective.teacher: its network is another, {difference(plain, without_strength(network))}"
        return None

    def refuses_sampling(self, method: Any, sampler: Any, steps: int, grid: Any) -> str | None:
        """Why the student cannot be sampled like this, in one line; None if it can."""
        if not isinstance(method, Distilled) or method.w == 0:
            return None
        if method.w == -1:  # the null label, at no strength
            return (
                None
                if self.p_uncond
                else "distilled: w = -1 is the null label, and the model was trained without (p_uncond is 0)"
            )
        if self.strength_range is None:
            return "distilled: the model is conditioned on no strength: distil a guided teacher first"
        return f"distilled: {why}" if (why := outside(method.w, self.strength_range)) else None

    def opened(self, store: Store | None, device: str) -> "Opened":
        """The objective with its teacher loaded. Problem if the teacher's run is not whole."""
        played = self.teacher.objective.play("teacher", self.teacher.load(store, device), self.teacher.world, None)["teacher"]
        return Opened(self, played)

    def play(self, role: str, module: nn.Module, world: Any, rows: int | None) -> dict[str, Any]:
        ends = (self.density.min, self.density.max)
        strengths = self.strength_range and Strengths(Distilled.name, *self.strength_range)
        known = {"has_null": self.p_uncond > 0, "strengths": strengths}
        return {role: NetworkDenoiser(module, world.classes, self.target, rows, ends, **known)}

    def trial(self, world: Any) -> tuple[Tensor, ...]:
        return torch.zeros(2, *world.shape), torch.zeros(2), torch.tensor([0, world.classes])

    def noisy(self, images: Labelled, world: Any, size: int, g: torch.Generator) -> tuple[Tensor, ...]:
        """x, eps, label, some of them dropped, and a uniform number for lambda and one for w."""
        x, label = batch(images, size, g)
        eps = torch.randn(x.shape, generator=g)
        level, dropped, w = torch.rand(3, size, generator=g)
        return x, eps, drop_labels(label, dropped, self.p_uncond, world.classes), level, w

    def error(
        self, module: nn.Module, z: Tensor, logsnr: Tensor, label: Tensor, w: Tensor | None, wanted: Tensor
    ) -> Float[Tensor, " b"]:
        """The squared error of the student's x, averaged over its dimensions."""
        output = module(z, logsnr, label) if w is None else module(z, logsnr, label, strength=w)
        return (TARGETS[self.target](z, output, logsnr).x - wanted).square().flatten(1).mean(1)

    def weighted(self, error: Tensor, logsnr: Tensor) -> Float[Tensor, " b"]:
        """An error of x times its weight."""
        weighting = self.weighting or (OnEps() if self.target == "eps" else TruncatedSNR())
        if any(field.name == "density" for field in fields(weighting)):
            weighting = replace(weighting, density=self.density.density)
        return weighting(logsnr, "x") * error

    def clipped(self, denoiser: Denoiser) -> Denoiser:
        """A denoiser whose x is clipped as `clip` says."""
        return denoiser if self.clip is None else Clipped(denoiser, -self.clip, self.clip)

    def draw(self, images: Labelled, world: Any, size: int, g: torch.Generator) -> tuple[Tensor, ...]:
        raise NotImplementedError

    def losses_by(self, teacher: Denoiser, module: nn.Module, *rows: Tensor) -> Tensor:
        """The losses of a batch against a teacher."""
        raise NotImplementedError

    def metrics_by(self, teacher: Denoiser, module: nn.Module, data: Data, world: Any, device: str) -> dict:
        """The student's error against its teacher on the test images."""
        raise NotImplementedError


@dataclass(frozen=True)
class Opened(ByRows):
    """A distillation with its teacher loaded, for the time of a training."""

    objective: Any
    denoiser: NetworkDenoiser

    def draw(self, images: Labelled, world: Any, size: int, g: torch.Generator) -> tuple[Tensor, ...]:
        return self.objective.draw(images, world, size, g)

    def losses_of(self, module: nn.Module, world: Any, *rows: Tensor) -> Tensor:
        return self.objective.losses_by(self.denoiser, module, *rows)

    def test_metrics(self, module: nn.Module, data: Data, world: Any, device: str) -> dict:
        return self.objective.metrics_by(self.denoiser, module, data, world, device)

    def begin(self, module: nn.Module) -> None:
        """The teacher's weights into the student. What the student has beyond them, to do with w, stays as it is built."""
        network: Any = self.denoiser.network
        try:
            missing, strange = module.load_state_dict(network.state_dict(), strict=False)
        except RuntimeError as error:
            raise Problem(f"teacher: its weights are of another network: {' '.join(str(error).split())[:200]}") from error
        if wrong := [*strange, *(name for name in missing if NEW not in name)]:
            raise Problem(f"teacher: its weights are of another network, which differs in {wrong[0]}")


def without_strength(network: Any) -> Any:
    """The network value that is not conditioned on a strength."""
    return replace(network, strength=False) if getattr(network, "strength", False) else network


def difference(theirs: Any, ours: Any) -> str:
    """The first field in which two network values differ, and how."""
    if type(theirs) is not type(ours):
        return f"{theirs.name}, not {ours.name}"
    name = next(field.name for field in fields(ours) if getattr(theirs, field.name) != getattr(ours, field.name))
    return f"of {name} {getattr(theirs, name)}, not {getattr(ours, name)}"


def outside(w: float, trained: tuple[float, float]) -> str | None:
    """Why a student trained on these strengths cannot be asked at w; None if it can."""
    if trained[0] <= w <= trained[1]:
        return None
    return f"w = {w:g} lies outside the [{trained[0]:g}, {trained[1]:g}] that the model was trained on"
