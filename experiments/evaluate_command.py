"""Samples measured on pretrained features from the command line, as guided-diffusion's evaluator does, without TensorFlow."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.problems import Problem, StaleRun

HELP = "An .npz of bytes (arr_0), or the folder of a run of samples"


def evaluate(
    samples: Annotated[str, typer.Argument(help=f"{HELP}.")],
    reference: Annotated[str, typer.Option(help=f"{HELP}; or a world, for its training images.")],
    features: Annotated[
        list[str],
        typer.Option(help='efficientnet-lite0, inception, dinov2, or {"is": "timm", ...} (docs/features.md). Repeatable.'),
    ] = ["efficientnet-lite0"],  # noqa: B006  typer copies it
    protocol: Annotated[str, typer.Option(help="ours, or adm: Inception score in parts of 5,000.")] = "ours",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Also write an .npz: the images (arr_0), labels (arr_1), and mu, sigma of the first network's features."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the reference's world, as in --set world.size=64. Repeatable.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what --out names.")] = False,
    remake: Annotated[bool, typer.Option("--remake", help="Extract features again that other code made.")] = False,
    runs: Annotated[Path, typer.Option(help="The folder that holds all runs.")] = Path("runs"),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1; auto takes a GPU if there is one.")] = "auto",
) -> None:
    """Measure samples on features of pretrained networks: Frechet distance, Inception score, precision and recall."""
    if out is not None:
        require_new(out, force)
    for line in measured(samples, reference, features, protocol, out, settings or [], remake, runs, device):
        typer.echo(line)


def require_new(out: Path, force: bool) -> None:
    """Problem, before any work, for a name that is no .npz, or that is taken: it may be one of the sets that are measured."""
    if out.suffix != ".npz" or out.is_dir():
        raise Problem(f"--out {out}: give the name of an .npz")
    if out.exists() and not force:
        raise Problem(f"--out {out} exists: give another name, or --force to replace it")
    above = next(place for place in out.absolute().parents if place.exists())
    if not above.is_dir():
        raise Problem(f"--out {out}: {above} is no folder")


def measured(
    samples: str,
    reference: str,
    features: list[str],
    protocol: str,
    out: Path | None,
    settings: list[str],
    remake: bool,
    runs: Path,
    device: str,
) -> Iterator[str]:
    """One line for every number. Missing and Problem before any work where something is not there."""
    import numpy as np
    from pydantic import TypeAdapter, ValidationError

    from experiments.device import resolve
    from experiments.features.protocol import ProtocolOf
    from experiments.fields import FeatureOf
    from experiments.graph.files import disk_problems
    from experiments.graph.store import Store
    from experiments.settings import explain
    from experiments.tasks.feature_measure import FeatureMeasure
    from experiments.tasks.features import Features
    from experiments.tasks.npz import write_npz
    from experiments.tasks.reference import Reference

    store, device = Store(runs), resolve(device)
    try:
        rules = TypeAdapter(ProtocolOf).validate_python(protocol)
        networks = [TypeAdapter(FeatureOf).validate_python(_parsed(text)) for text in features]
    except ValidationError as error:
        raise Problem(explain(error)) from error
    made, real = image_set(samples), reference_set(reference, settings)
    for network in networks:
        network.require()
    images, label = made.images(store)
    for each, n in ((samples, len(images)), (reference, len(real.images(store)[0]))):  # both are read before any work
        if n <= rules.k:
            raise Problem(f"{each} has {n} images: precision and recall need {rules.k + 1} at least")
    for network in networks:
        made_features, real_features = (Features(samples=one, network=network) for one in (made, real))
        own = {"k": rules.k, "neighbours": rules.neighbours, "statistics": statistics(real, network)}
        task = FeatureMeasure(
            features=made_features, reference=Reference(features=real_features, **own), sizes=(len(images),), protocol=rules
        )
        _make(task, store, device, remake)
        yield from (f"{row['metric']:40} {row['value']:.6g}   n = {row['n']:,}" for row in task.rows(store))
        if out is not None and network is networks[0]:
            from analysis.moments import moments_of

            moments = moments_of(made_features.arrays(store)["features"])
            with disk_problems(out, "give another --out"):
                write_npz(out, images, label, mu=moments.mean, sigma=moments.cov, mu_of=np.array(network.label))
            yield f"{out}: arr_0{'' if label is None else ', arr_1'}, mu and sigma of {network.label}"


def image_set(text: str) -> Any:
    """The images of an .npz, or of the folder of a run of samples. Problem where there is no such file."""
    from experiments.graph.files import sha256
    from experiments.tasks.npz import Npz

    path = npz(text)
    if not path.is_file():
        raise Problem(f"there is no file {path}: name an .npz, or the folder of a run of samples")
    return Npz(file=str(path), sha256=sha256(path))


def reference_set(text: str, settings: list[str]) -> Any:
    """The same, or the training images of a world. Problem for anything else, and for options of what is no world."""
    from experiments.registry import WORLDS
    from experiments.tasks.training_set import TrainingSet
    from experiments.worlds.chosen import apart, world_of

    own, rest = apart(settings)
    if rest:
        raise Problem(f"--set {rest[0]}: only the reference's world has options here, as in --set world.size=64")
    if npz(text).is_file():
        if own:
            raise Problem(f"--set world.{own[0]}: {text} is a file, and no world")
        return image_set(text)
    if text not in WORLDS and ":" not in text:
        raise Problem(f"there is no file {npz(text)}, and no world of this name; worlds: {', '.join(WORLDS)}")
    world = world_of(text, own)
    if not world.trains or len(world.shape) != 3:
        raise Problem(f"{text} has no training images to compare with")
    return TrainingSet(world=world)


def npz(text: str) -> Path:
    """The file that a path means: samples.npz of a folder."""
    path = Path(text)
    return path / "samples.npz" if path.is_dir() else path


def statistics(real: Any, network: Any) -> Any:
    """The mu and sigma that a reference .npz holds beside its images, where they are of this network; else None."""
    from experiments.tasks.npz import Npz, read_npz
    from experiments.tasks.reference import STATISTICS_OF, Statistics

    if not isinstance(real, Npz) or network.label != STATISTICS_OF:
        return None
    found = read_npz(Path(real.file), (), ("mu", "sigma", "mu_of"))  # mu_of: of this package; others' are of Inception
    theirs = {"mu", "sigma"} <= set(found) and str(found.get("mu_of", STATISTICS_OF)) == STATISTICS_OF
    return Statistics(file=real.file, sha256=real.sha256) if theirs else None


def _make(target: Any, store: Any, device: str, remake: bool) -> None:
    """The task and whatever it is made of, one after another, in this process."""
    from experiments.graph.executors import one_thread
    from experiments.graph.run import everything

    if device == "cpu":
        one_thread()
    for task in everything([target]):
        try:
            store.make(task, device, remake=remake)
        except StaleRun as stale:
            raise StaleRun(f"{stale}: --remake makes it again") from stale


def _parsed(text: str) -> Any:
    if not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise Problem(f'--features wants a name, or JSON as in {{"is": "timm", ...}}, not {text!r}') from error
