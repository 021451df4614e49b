"""What a joint energy model generates: its chains continued, freely and towards a class."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from classifiers.joint_energy import FIXED_POINT, langevin
from experiments.fields import Count, TrainingSeed
from experiments.graph.files import write_json
from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value
from experiments.problems import Failed
from experiments.tasks.images import to_uint8
from experiments.tasks.sample import load_samples
from experiments.tasks.train import Train
from guidance.seeding import generator


@value
class JointSamples(Task):
    """How many chains go on for how many steps. labelled: towards classes, balanced, and from noise.

    samples.npz as of any method, and cost.json. Free samples have the label that the model gives.
    """

    name: ClassVar[str] = "joint-samples"
    files: ClassVar[tuple[str, ...]] = ("samples.npz", "cost.json")
    model: Train
    labelled: bool
    seed: TrainingSeed = 0
    n: Count = 300
    steps: Count = 100

    @property
    def title(self) -> str:
        return f"chains of {self.model.title}"

    def run(self, folder: Path, store: Store, device: str) -> None:
        model, objective, world, g = (
            self.model.load(store, device),
            self.model.objective,
            self.model.world,
            generator(self.name, self.seed, 0),
        )
        label = torch.arange(self.n, device=device) % world.classes if self.labelled else None
        if self.labelled:
            start = (2 * torch.rand(self.n, *world.shape, generator=g) - 1).to(device)
        else:
            start = model.replay[torch.randperm(len(model.replay), generator=g)[: self.n].to(device)].float() / FIXED_POINT
        x = langevin(model, start, self.steps, g, label, objective.step, objective.noise)
        if not x.isfinite().all():
            raise Failed(f"{self.title}: they left every bound: train it with a smaller step")
        label = model(x).argmax(-1) if label is None else label
        np.savez(folder / "samples.npz", images=to_uint8(x.cpu()), label=label.cpu().numpy(), index=np.arange(len(x)))
        write_json(folder / "cost.json", {"energy_gradients": self.steps * len(x)})

    def images(self, store: Store) -> tuple[np.ndarray, np.ndarray]:
        """images uint8 (n, h, w, c), and label (n,)."""
        return load_samples(store.open(self))
