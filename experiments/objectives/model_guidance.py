"""Model-guidance (MG). Tang et al., 2025, arXiv 2502.12154; train.py of the authors' repository, read in the fork
Peterande/Diffusion-wo-CFG. The paper itself could not be read beyond its abstract and introduction.

L = || D(z, c, w) - (D* + w sg[E(z, c) - E(z, null)]) ||^2,   w = scale - 1

D* is the target of z's own x and eps, E the average of the network's weights (or, average=False, the network itself). Rows whose
label is dropped, and lambda below logsnr_min (there: flow time t >= 0.75), have w = 0.

A fixed w (a network without a strength; the paper's best model has w = 0.45): E is guided itself, so that the fixed point is
D = D_c + w (D - D_u), D = D_c + w / (1 - w) (D_c - D_u): on the unconditional base the scale is 1 / (1 - w), 1.82 and not 1.45.
It is reached for w < 1 alone. Its plain conditional prediction is the guided one: sample it at w = 0.

A range of w (a network conditioned on one; ScaleAwareSiT there): a share of the rows is trained at w ~ U(0, w), the others at 0.
E is evaluated at 0, where it learns the plain model, so that the optimum at w is D_c + w (D_c - D_u), plain guidance of w: no
fixed point comes between. Below logsnr_min it is D_c at every w. There null labels have a scale of their own, 0; here they have
w = 0, as the plain conditional model.

Not taken over: the first 100,000 steps there are plain, and "contrastive" takes another class instead of the null label.
"""

from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call

from experiments.graph.value import value
from experiments.objectives.batches import noisy_batch
from experiments.objectives.strengths import LearnsGuidance, held_fixed
from experiments.worlds.world import Labelled
from guidance.diffusion import add_noise
from guidance.objective import drop_labels
from guidance.strengths import Strengths, takes_strength

LOWEST = -2.1972245773362196  # lambda of the flow's t = 0.75: 2 log((1 - t) / t)


@value
class ModelGuidance(LearnsGuidance):
    """w: the fixed one, or of a network that is conditioned on a strength the largest. share: of its rows, those of a w above 0.

    average: whether E is the average of the weights that is kept in the end (experiments.tasks.fit), or the network as it is.
    logsnr_min: lambda from which it guides (None: everywhere).
    """

    name: ClassVar[str] = "model-guidance"
    w: Annotated[float, Field(gt=0)] = 0.45
    share: Annotated[float, Field(gt=0, le=1)] = 0.2
    average: bool = True
    logsnr_min: float | None = LOWEST

    def build(self, network: Any, world: Any) -> nn.Module:
        module = super().build(network, world)
        if self.w >= 1 and not takes_strength(module):
            raise ValueError(
                f"w: a fixed one is below 1, where its scale of 1 / (1 - w) ends, not {self.w:g}; a range of w goes further: set "
                "network.strength to true"
            )
        return module

    def strengths(self) -> Strengths:
        return Strengths(self.name, 0.0, self.w)

    def keep_average(self, module: nn.Module, average: dict[str, Tensor]) -> None:
        """Is given the average of the module's weights, which changes as it is trained."""
        if self.average:
            vars(module)["average"] = average

    def draw(self, images: Labelled, world: Any, size: int, g: torch.Generator) -> tuple[Tensor, ...]:
        """x, eps, logsnr, label, and the strength of each row: of a fixed w the same."""
        x, eps, logsnr, label = noisy_batch(images, size, self.density, g)
        label = drop_labels(label, torch.rand(len(x), generator=g), self.p_uncond, world.classes)
        return x, eps, logsnr, label, torch.rand(len(x), generator=g), torch.rand(len(x), generator=g)

    def losses_of(
        self,
        module: nn.Module,
        world: Any,
        x: Tensor,
        eps: Tensor,
        logsnr: Tensor,
        label: Tensor,
        chosen: Tensor,
        uniform: Tensor,
    ) -> Tensor:
        conditioned = takes_strength(module)
        drawn = torch.where(chosen < self.share, self.w * uniform, 0.0) if conditioned else torch.full_like(logsnr, self.w)
        strength = torch.where(label == world.classes, 0.0, drawn)
        w = strength if self.logsnr_min is None else torch.where(logsnr < self.logsnr_min, 0.0, strength)
        update = self._update(module, add_noise(x, eps, logsnr), logsnr, label, w, world.classes)
        options = {"strength": strength} if conditioned else {}
        return self.loss(lambda z, logsnr, label: module(z, logsnr, label, **options) - update, x, eps, logsnr, label)

    def _update(self, module: nn.Module, z: Tensor, logsnr: Tensor, label: Tensor, w: Tensor, null: int) -> Tensor:
        """w (E(z, c) - E(z, null)) in the network's own target, evaluated for the rows that have a w alone."""
        update, rows = torch.zeros_like(z), w.nonzero()[:, 0]
        if len(rows):
            given = z[rows], logsnr[rows]
            with held_fixed(module):
                cond = evaluated(module, *given, label[rows])
                unconditional = evaluated(module, *given, torch.full_like(label[rows], null))
            update[rows] = (w[rows].view(-1, *(1,) * (z.ndim - 1)) * (cond - unconditional)).to(update)
        return update


def evaluated(module: nn.Module, *inputs: Tensor) -> Tensor:
    """The module's output with the average of its weights, where it keeps one, or its own."""
    average = vars(module).get("average")
    return module(*inputs) if average is None else functional_call(module, average, inputs)
