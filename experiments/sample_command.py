"""`guidance-bench sample`: from a world's exact model, a training or somebody's checkpoint to a picture, a folder or an npz."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from experiments import launch
from experiments.checkpoints.chosen import checkpoint_of
from experiments.device import resolve
from experiments.graph.executors import one_thread
from experiments.graph.manifest import check_config
from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.registry import build, lookup
from experiments.sample_files import require_place, write_samples
from experiments.sampling import Sampling, samples
from experiments.settings import explain, override
from experiments.shipped import PREFIX
from experiments.tasks.sources import Checkpoint, Exact, shipped_source
from experiments.tasks.train import Train
from experiments.worlds.chosen import apart, world_of


def sample(
    out: Path,
    world: str | None,
    checkpoint: Path | None,
    adapter: str | None,
    run: Path | None,
    roles: list[str],
    method: str,
    w: float | None,
    settings: list[str],
    device: str,
    force: bool,
    tell: Callable[[str], None],
    sampler: str,
    clip: str | None,
    label: int | None,
    labels: str | None,
    **options: Any,
) -> None:
    """Draws the samples, writes them, and tells in one line what they cost. Problem before any work for what does not fit.

    clip: a number, "none", or None: 1 of images in [-1, 1], none of an exact world. options: further ones of
    experiments.sampling.Sampling.
    """
    device = resolve(device)
    store, own, rest = _model(world, checkpoint, adapter, run, settings)
    folders = [
        Path(place) for _, _, place in (entry.partition("=") for entry in roles) if (Path(place) / "config.json").is_file()
    ]
    store = Store(folders[0].absolute().parent) if run is None and folders else store
    strength = {} if w is None else {"w": w}
    fields = {**own, **options, "others": dict(_role(entry, own["world"]) for entry in roles), "labels": labels_of(label, labels)}
    if isinstance(own["model"], Checkpoint) and own["model"].file.startswith(PREFIX):
        wanted = {"clean" if role == "loss" else role for role in roles_of(method)} - {"model", *fields["others"]}
        ready = {role: shipped_source(own["world"], role) for role in sorted(wanted)}
        fields["others"] |= {role: source for role, source in ready.items() if source is not None}
    fields["clip"] = {None: None if own["world"].exact else 1.0, "none": None}.get(clip, clip)
    try:
        fields |= {"method": build("methods", {"is": method, **strength}), "sampler": sampler}
        if isinstance(own["model"], Exact) and "groups" in fields["method"].requires_model:
            fields["model"] = Exact(world=own["world"], groups=True)
        sampling = override(Sampling(**fields), rest)
    except ValidationError as error:
        raise Problem(explain(error)) from error
    except ValueError as error:
        raise Problem(" ".join(str(error).split())) from error
    require_place(out, sampling.world, force)
    one_thread()
    drawn = samples(sampling, device, store)
    if launch.rank():
        return
    require_place(out, sampling.world, force)  # once more: the work may have taken hours
    write_samples(drawn, out, sampling.world.classes)
    evaluations = f"{drawn.nfe.brief()} per sample"
    tell(f"{sampling.n} samples, {evaluations}, {drawn.seconds:.2f} s on {device}, in {out}")


def roles_of(method: str) -> tuple[str, ...]:
    """The roles that a method needs. Problem for a method that does not exist."""
    return lookup("methods", method).roles


def trained(folder: Path) -> Train:
    """The training that a folder is the run of, its teacher that of a run beside it. Problem if one is none, or not whole."""
    if not (folder / "config.json").is_file():
        raise Problem(f"{folder} is no run: name the folder of a training, as `guidance-bench ls denoiser` lists them")
    values = check_config(folder)["values"]
    if not {"network", "objective", "fit"} <= set(values):
        raise Problem(f"{folder} is the run of something else than a training: `guidance-bench ls denoiser` lists those")
    values["objective"] = {
        name: trained(folder.absolute().parent / held["task"]) if isinstance(held, dict) and "task" in held else held
        for name, held in values["objective"].items()
    }
    if isinstance(begun := values.get("begin"), dict) and "task" in begun:
        values = {**values, "begin": trained(folder.absolute().parent / begun["task"])}
    try:
        task = Train(**{name: value for name, value in values.items() if name != "is"})
    except ValidationError as error:
        raise Problem(f"{folder}: its training is none of this version: {explain(error)}") from error
    Store(folder.absolute().parent).open(task)
    return task


def _model(
    world: str | None, checkpoint: Path | None, adapter: str | None, run: Path | None, settings: list[str]
) -> tuple[Store, dict[str, Any], list[str]]:
    """The store, world and model that the words name, and the settings that are not the world's."""
    if run is not None and checkpoint is not None:
        raise Problem("--run and --checkpoint both say who the model is: give one of them")
    if (checkpoint is None) != (adapter is None):
        lacking, why = ("--adapter", "says how the file is read") if adapter is None else ("--checkpoint", "is the file it reads")
        raise Problem(f"{lacking} is missing: it {why} (docs/checkpoints.md)")
    if run is not None:
        task = trained(run)
        if world is not None and world != task.world.name:
            raise Problem(f"--run {run} is a training on {task.world.name}, not on {world}: leave --world out")
        return Store(run.absolute().parent), {"world": task.world, "model": task}, settings
    own, rest = apart(settings)
    known = world_of(world or "digits-exact", own)
    if checkpoint is not None:
        if world is None:
            raise Problem("--world is missing: it says the size and the classes of the checkpoint's samples")
        return Store(Path("runs")), {"world": known, "model": checkpoint_of(known, checkpoint, str(adapter))}, rest
    if not known.exact and (ready := shipped_source(known, "model")) is not None:
        return Store(Path("runs")), {"world": known, "model": ready}, rest
    if not known.exact:
        raise Problem(
            f"{known.name} has no exact model, and none ships: give --run FOLDER, a training (`guidance-bench ls denoiser` "
            "lists them), or --checkpoint FILE --adapter NAME"
        )
    return Store(Path("runs")), {"world": known, "model": Exact(world=known)}, rest


def _role(entry: str, world: Any) -> tuple[str, Any]:
    """A role and who plays it, of `classifier=runs/classifier-...` (a training), `weak=mine.safetensors` (an export) or
    `classifier=64x64_classifier.pt:adm-classifier-64` (a checkpoint and its adapter).
    """
    role, equals, place = entry.partition("=")
    if not equals:
        raise Problem(
            f"--role wants role=folder of a training, or role=FILE:ADAPTER, as in --role weak=runs/denoiser-..., not {entry!r}"
        )
    file, colon, adapter = place.rpartition(":")
    if colon and Path(file).exists():
        return role, checkpoint_of(world, Path(file), adapter)
    if Path(place).suffix == ".safetensors":
        return role, checkpoint_of(world, Path(place), "exported")
    return role, trained(Path(place))


def labels_of(one: int | None, several: str | None) -> tuple[int, ...] | None:
    """The labels that --label and --labels name; None for every class in turn."""
    if one is not None and several is not None:
        raise Problem("--label and --labels say the same: give one of them")
    if several is None:
        return None if one is None else (one,)
    try:
        return tuple(int(word) for word in several.split(","))
    except ValueError:
        raise Problem(f"--labels wants classes, as in 0,3,7, not {several!r}") from None
