"""What several classifiers say of one set of samples: the guide itself, other guides, and judges that never guided."""

from pathlib import Path

import torch
from torch import Tensor

from experiments.classifier_networks import EvaluatorConfig
from experiments.config import Config
from experiments.images import from_uint8
from experiments.measure import evaluate, guide_logits
from experiments.roles import load
from experiments.runs import Store, write_json
from experiments.sample import load_samples
from experiments.worlds import WORLDS

EXACT, CLEAN = "exact", 20.0  # the truth's name among the judges, and the lambda at which it is asked


class JudgedConfig(Config):
    """The run of samples, and the runs of classifiers by the names that they have in the table (no run: the truth)."""

    world: str
    samples: str
    judges: dict[str, str | None]


def judged(store: Store, config: JudgedConfig, device: str) -> Path:
    """The run of these judgements: judged.json, {name: share of samples that it gives the label they were asked to be}."""
    parents = [store.root / name for name in (config.samples, *config.judges.values()) if name]

    def build(folder: Path) -> None:
        found, label = load_samples(store.root / config.samples)
        x = from_uint8(found) if found.dtype == "uint8" else torch.from_numpy(found)
        said = {name: _logits(store, config.world, run, x, device) for name, run in config.judges.items()}
        asked = torch.from_numpy(label)
        write_json(folder / "judged.json", {name: (one.argmax(-1) == asked).double().mean().item() for name, one in said.items()})

    return store.make("judged", config, build, parents)


def _logits(store: Store, world: str, run: str | None, x: Tensor, device: str) -> Tensor:
    if run is None:
        return WORLDS[world]().exact.class_logits(x.double(), torch.full((len(x),), CLEAN, dtype=torch.float64))
    if run.startswith("classifier-"):
        return torch.from_numpy(guide_logits(store.root / run, x, device))
    return torch.from_numpy(evaluate(load(store.root / run, EvaluatorConfig, device)[0], x, device)[1])
