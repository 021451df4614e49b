"""What one process of a launch does in tests/experiments/test_launch.py: `python launch_worker.py MODE FOLDER`."""

import atexit
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch

from experiments import launch
from experiments.collectives import collected, decided, mine
from experiments.features.network import FeatureNetwork
from experiments.graph.executors import one_thread
from experiments.graph.following import follow, release
from experiments.graph.run import everything
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.problems import Failed
from experiments.tasks import fit as fitting
from experiments.tasks.features import Features
from experiments.tasks.fit import Fit
from experiments.tasks.sample import Sample
from experiments.tasks.sources import Exact
from experiments.tasks.train import Train
from guidance.schedules import CosineLogSNR


@value
class Means(FeatureNetwork):
    """Means and spreads of the rows of an image: features of no network."""

    name: ClassVar[str] = "means"
    batch: ClassVar[int] = 3

    @property
    def label(self) -> str:
        return "means"

    def card(self) -> dict[str, str]:
        return {"what": "means"}

    def require(self) -> None:
        pass

    def load(self, device: str) -> Any:
        return lambda images: (torch.cat([images.float().mean((1, 2)), images.float().std((1, 2))], 1), None)


@value
class Unlucky(Task):
    """Fails on rank 1 alone, while rank 0 waits for it. how: "raise", "kill", or "agreed": where all ranks learn of it."""

    shared: ClassVar[bool] = True
    files: ClassVar[tuple[str, ...]] = ("x",)
    how: str

    def run(self, folder: Path, store: Store, device: str) -> None:
        def bad() -> int:
            if launch.rank() == 1:
                raise KeyError("w")
            return 1

        if self.how == "agreed":
            collected(bad)
        if launch.rank() == 1 and self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "raise":
            bad()
        decided(lambda: None)


DENOISER = Train(
    world="digits",
    network={"is": "unet", "width": 8, "attention": []},
    objective="denoising",
    fit=Fit(steps=12, batch=15, warmup=2, checkpoint_every=5, snapshots=(3,)),
)
STOPPED = Train(
    world="digits",
    network={"is": "half-unet", "width": 8, "multipliers": [1], "attention": []},
    objective="noisy-cross-entropy",
    fit=Fit(steps=12, batch=16, warmup=2, lr=0.3, patience=1, look_every=2),
)
NORMALISED = Train(world="digits", network="timm", objective="cross-entropy", fit=Fit(steps=3, batch=8))
OWN = {"sampler": "ancestral", "steps": 3, "density": CosineLogSNR(), "seed": 1}
POINTS = Sample(world="gaussians", model=Exact(world="gaussians"), method="classifier-free", n=7, batch=3, clip=None, **OWN)
IMAGES = Sample(world="digits", model=DENOISER, method="classifier-free", n=9, batch=2, **OWN)
FEATURES = Features(samples=IMAGES, network=Means())
ONE_BATCH = replace(POINTS, batch=500)


def made(folder: Path, *tasks: Task) -> list[str]:
    """Makes tasks as a command does; why those failed that did."""
    store, failed = Store(folder), []
    if launch.rank():
        follow(everything(tasks), store, "cpu")
        return []
    for task in tasks:
        try:
            store.make(task, "cpu")
        except Failed as error:
            failed.append(str(error))
    release()
    return failed


def stop_after(step: int) -> Any:
    """Trainings that stop, on all ranks, once the checkpoint of a step is written; undone by calling what is returned."""
    real = fitting.checkpoint

    def checkpoint(partial: Path, at: int, *rest: Any) -> None:
        real(partial, at, *rest)
        if at == step:
            raise Failed("stopped")

    fitting.checkpoint = checkpoint
    return lambda: setattr(fitting, "checkpoint", real)


def toy(folder: Path) -> dict[str, Any]:
    """Of a training in float64, with a weight that only the last rows feel and one that none does: weights, seeds, losses."""
    network, seeds = torch.nn.Linear(4, 1, dtype=torch.float64), []
    network.lonely, network.unused = (torch.nn.Parameter(torch.ones(1, 1, dtype=torch.float64)) for _ in range(2))
    torch.nn.init.ones_(network.weight), torch.nn.init.zeros_(network.bias)

    def losses(g: torch.Generator) -> Any:
        seeds.append(torch.initial_seed())
        x, own = torch.randn(7, 4, generator=g, dtype=torch.float64), mine(7)
        for row in own:
            scale = network.lonely[0] if row >= 5 else 1.0
            yield (scale * network(x[row : row + 1])[:, 0] - 2 * x[row].sum()).square()

    config = Fit(steps=20, batch=7, warmup=3, lr=0.1)
    weights, found = fitting.fit(network, losses, config, torch.Generator().manual_seed, folder, "toy")
    return {"weights": {name: held.tolist() for name, held in weights.items()}, "seeds": seeds, "losses": found}


def work(folder: Path) -> None:
    """Everything that may go well, in one launch."""
    said = {"cuts": collected(lambda: [[*mine(n, each)] for n, each in ((7, 1), (7, 3), (2, 500))])}
    said["toy"] = collected(lambda: toy(folder / "toy"))
    made(folder / "sampled", POINTS, ONE_BATCH, IMAGES, FEATURES)
    made(folder / "trained", DENOISER, STOPPED, NORMALISED)
    made(folder / "resumed", DENOISER)
    again = stop_after(10)
    said["stopped"] = made(folder / "stopped", DENOISER)
    again()
    said["failed"] = made(folder / "failed", Unlucky(how="agreed"), POINTS)
    if not launch.rank():
        (folder / "said.json").write_text(json.dumps(said))


class Last:
    """Says so when the interpreter takes its modules apart. A launch ends before: that, with threads of gloo about, now
    and then aborts a process that has done its work.
    """

    def __del__(self) -> None:
        print("taken apart", flush=True)


if __name__ == "__main__":
    mode, place = sys.argv[1], Path(sys.argv[2])
    with launch.command("study"):
        one_thread()
        if mode == "work":
            last = Last()
            atexit.register(print, "at exit")
            work(place)
        else:
            made(place, Unlucky(how=mode))
            print("rank 0 went on")
        sys.exit(0)
