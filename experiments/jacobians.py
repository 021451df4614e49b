"""How far the fields that guide are from being gradients, at every lambda: the asymmetry of their Jacobians."""

from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
from pydantic import Field

from analysis.files import write_atomically
from experiments.classifier_networks import ClassifierConfig
from experiments.config import Config
from experiments.roles import load, load_denoiser
from experiments.runs import Store
from experiments.worlds import WORLDS
from guidance import branches
from guidance.diffusion import add_noise
from guidance.gradients import log_prob
from guidance.jacobian import asymmetry, signs
from guidance.seeding import SampleNoise, generator
from guidance.spaces import norm

FELT = 1e-6


class JacobianConfig(Config):
    """Whose fields: the run `denoiser`, or the exact one where none is named, and the noise-aware `classifier`, if there is one.

    w: of the guided field. n: held-out images; probes: to each.
    """

    world: str
    denoiser: str | None
    classifier: str | None
    w: float = 1.0
    n: Annotated[int, Field(ge=1)] = 64
    probes: Annotated[int, Field(ge=1)] = 4
    levels: tuple[float, ...] = (-6.0, -4.0, -2.0, 0.0, 2.0, 4.0)


def jacobians(store: Store, config: JacobianConfig, device: str) -> Path:
    """The run of this measurement: jacobian.csv with the columns field, logsnr, value, sd (over images).

    Fields: conditional (eps of the model given the label), guided ((1 + w) eps_cond - w eps_null), difference (eps_cond -
    eps_null, the gradient of the implicit classifier if there were one), classifier (grad log p(c | z) of the noise-aware one).
    Images where a field is below FELT of the conditional one are left out: of a class that is certain only rounding is left.
    """
    parents = [store.root / name for name in (config.denoiser, config.classifier) if name]

    def build(folder: Path) -> None:
        world = WORLDS[config.world]()
        named = config.denoiser and store.root / config.denoiser
        model = load_denoiser(named, device, rows=None)[0] if named else world.exact.to(device)  # the latter in float64
        x, label = (part[: config.n].to(device) for part in (world.held_out.x, world.held_out.label))
        x = x if config.denoiser else x.double()
        eps = SampleNoise(0, range(len(x)), world.shape, device)().to(x)
        classifier = load(store.root / config.classifier, ClassifierConfig, device)[0].to(x.dtype) if config.classifier else None
        rows = []
        for level in config.levels:
            logsnr = torch.full((len(x),), level, device=device, dtype=x.dtype)

            def both(z, logsnr=logsnr):
                return branches(model, z, logsnr, [label, None])

            def climbing(z, logsnr=logsnr):
                return torch.func.grad(lambda at: log_prob(classifier(at, logsnr), label).sum())(z)

            fields = {
                "conditional": lambda z, both=both: both(z)[0].eps,
                "guided": lambda z, both=both: (1 + config.w) * both(z)[0].eps - config.w * both(z)[1].eps,
                "difference": lambda z, both=both: both(z)[0].eps - both(z)[1].eps,
                **({"classifier": climbing} if classifier is not None else {}),
            }
            for name, field in fields.items():
                z = add_noise(x, eps, logsnr)
                felt = norm(field(z)).flatten() > FELT * norm(fields["conditional"](z)).flatten()
                found = asymmetry(field, z, signs(z, config.probes, generator(0, 3))).double()[felt]
                if len(found):
                    row = {"field": name, "logsnr": level, "value": found.mean().item(), "sd": found.std(correction=0).item()}
                    rows.append(row)
        write_atomically(folder / "jacobian.csv", pd.DataFrame(rows).to_csv(index=False).encode())

    return store.make("jacobian", config, build, parents)
