"""Tables 1 and 2 of Ho & Salimans (arXiv 2207.12598) as they were made: to be priced, since nobody runs them by accident."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from experiments.checkpoints.adm import ADM_64, ADM_128
from experiments.fields import Count, Name, NetworkOf, Positive, SamplerOf, WorldOf
from experiments.graph.value import value
from experiments.objectives.denoising import Denoising
from experiments.problems import Problem
from experiments.studies.study import TABLE, Placed, Study
from experiments.tasks.fit import Fit
from experiments.tasks.sample import Sample
from experiments.tasks.train import Train
from experiments.worlds.world import Data, World
from guidance.methods import METHODS
from guidance.samplers.ancestral import Ancestral
from guidance.schedules import CosineLogSNR

TRAIN, TEST = 1_281_167, 50_000  # images of ImageNet (Deng et al., 2009)
WS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 2.0, 3.0, 4.0)
LAMBDAS = CosineLogSNR(-20, 20)


@value
class Images(World):
    """What a price needs of ImageNet: its shape. The images are the worlds imagenet64 and imagenet128."""

    name: ClassVar[str] = "imagenet-shape"
    size: Count
    classes: Count = 1000
    at_most: tuple[Count, Count] = (TRAIN, TEST)

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, self.size, self.size)

    def load(self) -> Data:
        raise Problem("this world has a shape and no images: the worlds imagenet64 and imagenet128 have them")


@value
class ADM:
    """Dhariwal & Nichol's network of this size (arXiv 2105.05233), whose arguments the paper took; without a learned variance."""

    name: ClassVar[str] = "adm"
    size: Literal[64, 128]

    def denoiser(self, world: Any, labels: int, learns_variance: bool) -> nn.Module:
        network = {64: ADM_64, 128: ADM_128}[self.size].network(learns_variance)
        for block in network.modules():
            if hasattr(block, "_forward"):  # azula's blocks are computed once more for their gradient, to save memory
                block.forward = block._forward
        return Timed(network)


class Timed(nn.Module):
    """A network (z, t, y) as (z, lambda, label): what it costs does not depend on t."""

    conditioned_on = "logsnr"

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, z: Tensor, logsnr: Tensor, label: Tensor) -> Tensor:
        return self.network(z, logsnr, label)


@value
class PaperTable(Study):
    """One training for each p_uncond, and for each of them samples at every T and every w: of w = 0 without a second branch.

    Steps of training, v, w, T and n are the paper's; the batch of a training is Dhariwal & Nichol's of that size, since it says
    that it took their hyper-parameters; a p_uncond of Table 2 is not given. batch: samples of one trajectory, rows as many.
    Metrics are not priced: Inception on 50,000 images a cell is small beside it.
    """

    report: ClassVar[str] = "trade-off"
    name: Name
    world: WorldOf
    network: NetworkOf
    fit: Fit
    p_unconds: tuple[Positive, ...]
    ws: tuple[float, ...] = WS
    sampler: SamplerOf
    steps: tuple[Count, ...]
    n: Count = 50_000
    batch: Count = 250

    def cells(self) -> Iterator[Placed]:
        for p_uncond in self.p_unconds:
            objective = Denoising(p_uncond=p_uncond, density=LAMBDAS)
            model = Train(world=self.world, network=self.network, objective=objective, fit=self.fit)
            for steps in self.steps:
                for w in self.ws:
                    method = METHODS["classifier-free"](w=w)
                    options: dict[str, Any] = {"n": self.n, "batch": self.batch, "rows": self.batch, "seed": 0}
                    yield Placed(
                        TABLE,
                        {"p_uncond": p_uncond, "steps": steps, "w": w},
                        Sample(
                            world=self.world,
                            model=model,
                            method=method,
                            sampler=self.sampler,
                            steps=steps,
                            density=LAMBDAS,
                            **options,
                        ),
                    )

    def describe(self) -> str:
        cells = len(self.p_unconds) * len(self.steps) * len(self.ws)
        return f"{self.name}: {len(self.p_unconds)} trainings, {cells} cells of {self.n:,} samples each"


TABLE1 = PaperTable(
    name="paper-table1",
    world=Images(size=64),
    network=ADM(size=64),
    fit=Fit(steps=400_000, batch=2048),
    p_unconds=(0.1, 0.2, 0.5),
    sampler=Ancestral(v=0.3),
    steps=(256,),
)
TABLE2 = PaperTable(
    name="paper-table2",
    world=Images(size=128),
    network=ADM(size=128),
    fit=Fit(steps=2_700_000, batch=256),
    p_unconds=(0.2,),
    sampler=Ancestral(v=0.2),
    steps=(128, 256, 1024),
)
PAPER = {"paper-table1": TABLE1, "paper-table2": TABLE2}
