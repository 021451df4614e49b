"""What a joint energy model generates: its chains going on, freely and towards a class."""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from classifiers.joint_energy import FIXED_POINT, langevin
from experiments.classifier_networks import JointEnergyConfig
from experiments.config import Config
from experiments.fit import Seed
from experiments.images import to_uint8
from experiments.problems import Problem
from experiments.roles import load
from experiments.runs import Store, write_json
from experiments.worlds import WORLDS
from guidance.seeding import generator


class JointSampleConfig(Config):
    """The run of the model, and how many chains go on for how many steps. labelled: towards classes, balanced, and from noise."""

    world: str
    joint: str
    labelled: bool
    seed: Seed = 0
    n: Annotated[int, Field(ge=1)] = 300
    steps: Annotated[int, Field(ge=1)] = 100


def joint_samples(store: Store, config: JointSampleConfig, device: str) -> Path:
    """The run of these samples: samples.npz as of any method, and cost.json. Free samples have the label that the model gives."""

    def build(folder: Path) -> None:
        model, own = load(store.root / config.joint, JointEnergyConfig, device)
        world, g = WORLDS[config.world](), generator(config.seed, 0)
        label = torch.arange(config.n, device=device) % world.classes if config.labelled else None
        if config.labelled:
            start = (2 * torch.rand(config.n, *world.shape, generator=g) - 1).to(device)
        else:
            start = model.replay[torch.randperm(len(model.replay), generator=g)[: config.n].to(device)].float() / FIXED_POINT
        x = langevin(model, start, config.steps, g, label, own.step, own.noise)
        if not x.isfinite().all():
            raise Problem(f"{config.joint}: its chains left every bound: train it with a smaller joint.step")
        label = model(x).argmax(-1) if label is None else label
        np.savez(folder / "samples.npz", images=to_uint8(x.cpu()), label=label.cpu().numpy(), index=np.arange(len(x)))
        write_json(folder / "cost.json", {"energy_gradients": config.steps * len(x)})

    return store.make("joint-samples", config, build, [store.root / config.joint])
