"""One training from the command line, and the record that it leaves, by lambda."""

import difflib
import json
import math
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from experiments import launch
from experiments.device import resolve
from experiments.graph.executors import one_thread
from experiments.graph.files import read_json
from experiments.graph.following import follow, release
from experiments.graph.run import everything
from experiments.graph.store import Store
from experiments.graph.value import encode
from experiments.networks import HalfUNet, Timm, UNet
from experiments.objectives.cross_entropy import CrossEntropy
from experiments.objectives.guidance_free import GuidanceFree
from experiments.objectives.joint_energy import JointEnergy
from experiments.objectives.model_guidance import ModelGuidance
from experiments.objectives.noisy_cross_entropy import NoisyCrossEntropy
from experiments.problems import Failed, Problem
from experiments.registry import WORLDS
from experiments.settings import explain, override
from experiments.tasks.fit import Fit
from experiments.tasks.train import Train
from experiments.worlds.chosen import apart, world_of

HALF = "half-unet"
KINDS: dict[str, dict[str, Any]] = {
    "classifier": {"objective": NoisyCrossEntropy(), "fit": Fit(steps=1200, weight_decay=0.05)},
    "evaluator": {"objective": CrossEntropy(), "fit": Fit(steps=1200, weight_decay=0.05), "seed": 900},
    "joint-energy": {"objective": JointEnergy(), "fit": Fit(steps=1000, batch=64, lr=5e-4), "network": HalfUNet(attention=())},
    "guidance-free": {"objective": GuidanceFree(), "fit": Fit(steps=2500, lr=2e-3), "network": UNet(strength=True)},
    "model-guidance": {"objective": ModelGuidance(w=4.0), "fit": Fit(steps=2500, lr=2e-3), "network": UNet(strength=True)},
}
ARCH = {"classifier": "test_resnet", "evaluator": "test_byobnet"}


def train(
    kind: str, world: str, arch: str | None, settings: list[str], runs: Path, device: str, show: bool, cluster: str | None
) -> None:
    """Trains one classifier, or finds it again, and prints what it reaches. Problem for whatever cannot be."""
    if kind not in KINDS:
        raise Problem(f"there is no {kind!r} to train; known: {', '.join(KINDS)}")
    own, settings = apart(settings)
    known = world_of(world, own)
    if not known.trains:
        raise Problem(f"{world} has no images to train on; of the others: {', '.join(n for n, w in WORLDS.items() if w.trains)}")
    if arch is not None and "network" in KINDS[kind]:
        raise Problem(f"{kind} has no --arch; --show-config prints what can be set")
    if arch is not None and arch != HALF and difflib.get_close_matches(arch, [HALF], cutoff=0.8):
        raise Problem(f"there is no arch {arch!r}; the nearest names are {HALF}")
    network = HalfUNet() if arch == HALF else Timm(arch=arch or ARCH.get(kind, "test_resnet"))
    try:
        task = override(Train(**{"world": known, "network": network, **KINDS[kind]}), settings)
    except ValidationError as error:
        raise Problem(explain(error)) from error
    if task.world != known:
        raise Problem(f"--world says {world} and --set world={task.world.label}: say one")
    if show:
        print(json.dumps(encode(task, expand=True), indent=1))
        return
    store = Store(runs)
    try:
        task.dry_run()
    except ValueError as error:
        raise Problem(f"{error}") from error
    if cluster is not None:
        make_there(task, store, cluster, device)
    else:
        device = resolve(device)
        one_thread()
        if launch.rank():
            follow(everything([task]), store, device)
            return
        store.make(task, device)
        release()
    print(record(task, store.open(task)))
    print(f"run     {store.path(task)}")


def make_there(task: Train, store: Store, cluster: str, device: str) -> None:
    """The training on a worker of a cluster."""
    from experiments.cluster import connected
    from experiments.graph.run import plan, run

    if launch.size() > 1:
        raise Problem("a cluster has the workers that it has: start one process")
    if (planned := plan([task], store, retry=True)).stale:
        raise Problem(planned.question())
    with connected(cluster, store.root) as engine:
        for reason in run(planned, store, engine, engine.workers, device).failed.values():
            raise Failed(reason)


def record(task: Train, path: Path) -> str:
    """What a training reached on test images, one line per lambda where the network is conditioned on it."""
    metrics = read_json(path / "metrics.json")
    if not isinstance(next(iter(metrics.values())), dict):
        return "   ".join(f"{name} {value:.3f}" for name, value in metrics.items())
    levels = list(next(iter(metrics.values())))
    lines = [" ".join(f"{word:>18}" for word in ("lambda", *metrics))]
    lines += [
        " ".join(f"{word:>18}" for word in (level, *(f"{by_logsnr[level]:.3f}" for by_logsnr in metrics.values())))
        for level in levels
    ]
    log = read_json(path / "log.json")
    last = f"{len(log['loss'])} steps"
    if looks := log.get("validation_nll"):
        best = min(looks)
        at = task.fit.look_every * (1 + looks.index(best))
        last += f"; the weights are those after {at}, validation nll {best:.3f} then" if math.isfinite(best) else ""
    return "\n".join([*lines, last])
