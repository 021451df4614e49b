"""`guidance-bench check-checkpoint`: is this adapter, for this file and this world, the right one?"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from experiments.checking import Measured, measure, verdicts
from experiments.checkpoints.chosen import checkpoint_of
from experiments.device import resolve
from experiments.graph.executors import one_thread
from experiments.graph.store import Store
from experiments.levels import levels_of
from experiments.problems import Problem, one_line, out_of_memory
from experiments.progress import bar
from experiments.worlds.chosen import apart, world_of
from experiments.worlds.world import Labelled, data
from guidance.denoiser import Denoiser
from guidance.seeding import generator


def check_checkpoint(
    file: Path, adapter: str, world: str, settings: list[str], device: str, n: int, seed: int, tell: Callable[[str], None]
) -> bool:
    """Tells one table and four verdicts; whether none of them failed. Problem for whatever cannot be checked."""
    own, rest = apart(settings)
    known = world_of(world, own)
    if rest:
        raise Problem(f"--set {rest[0]}: only the world has options here, as in --set world.size=64")
    checkpoint, device = checkpoint_of(known, file, adapter), resolve(device)
    images = images_of(known, n, seed)
    one_thread()
    start = time.perf_counter()
    denoiser = checkpoint.play("model", {}, Store(Path("runs")), device)["model"]
    measured = check(denoiser, images, known, device, seed)
    tell(f"{file.name}   sha256 {checkpoint.sha256}   adapter {adapter}")
    tell(f"{len(images.x)} test images of {known.name}, {device}, {time.perf_counter() - start:.1f} s\n")
    tell(table(measured) + "\n")
    found = verdicts(measured)
    for verdict in found:
        tell(f"{verdict}")
    return all(verdict.passed is not False for verdict in found)


def check(denoiser: Denoiser, images: Labelled, world: Any, device: str = "cpu", seed: int = 0) -> Measured:
    """What `experiments.checking.verdicts` judges, of a denoiser on images of a world. Problem in one line where it fails."""
    x, label = images.x.to(device), images.label.to(device)
    try:
        with torch.no_grad(), bar("check", 10, "level") as shown:
            levels = levels_of(denoiser, tuple(world.shape), device)
            return measure(denoiser, x, label, world.classes, levels, seed=seed, ticked=shown.update)
    except Problem:
        raise
    except Exception as error:  # a network may fail in as many ways as there are authors
        if out_of_memory(error):
            raise Problem("memory is exhausted: give a smaller --n, or another --device") from error
        raise Problem(f"the denoiser cannot be evaluated on {world.name}: {type(error).__name__}: {one_line(error)}") from error


def images_of(world: Any, n: int, seed: int = 0) -> Labelled:
    """n test images of a world, drawn without replacement; of an exact world without a test set, n draws."""
    held, g = data(world), generator("test", seed, n)
    if held.test is None:
        label = torch.arange(n) % world.classes
        return Labelled(held.oracle.sample(label, g).float().reshape(n, *world.shape), label)
    if n > len(held.test.label):
        raise Problem(f"{world.name} has {len(held.test.label)} test images, not {n}: give a smaller --n")
    index = torch.randperm(len(held.test.label), generator=g)[:n].sort().values
    return Labelled(held.test.x[index], held.test.label[index])


def table(m: Measured) -> str:
    """Mean squared errors per dimension, by lambda."""
    columns: dict[str, Any] = {"x error": m.x, "trivial x error": m.trivial[:, None], "eps error": m.eps}
    columns |= {"null x error": m.null, "wrong-label x error": m.wrong}
    lines = ["".join(f"{word:>20}" for word in ("lambda", *columns))]
    for k, level in enumerate(m.levels.tolist()):
        numbers = ("-" if part is None else f"{part[k].mean():.4g}" for part in columns.values())
        lines.append("".join(f"{word:>20}" for word in (f"{level:.2f}", *numbers)))
    return "\n".join(lines)
