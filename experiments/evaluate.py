"""Images measured against images on the features of networks, as guided-diffusion's evaluator does it, without TensorFlow.

`evaluate("made", "real")` of two folders of PNG is one call; `guidance-bench evaluate made --reference real` is the same.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any
from warnings import warn

from experiments.comparable import require_protocol, require_shape, unlike
from experiments.problems import Problem, StaleRun


def evaluate(
    samples: str | Path,
    reference: str | Path,
    features: Sequence[Any] = ("efficientnet-lite0",),
    protocol: Any = "ours",
    *,
    out: str | Path | None = None,
    force: bool = False,
    settings: Sequence[str] = (),
    remake: bool = False,
    runs: str | Path = "runs",
    device: str = "auto",
    tell: Callable[[str], None] = warn,
) -> dict[str, float]:
    """Frechet distance, Inception score, precision, recall and more of one set against another, by column (`fid_<network>`).

    samples: a folder of images, an .npz of bytes (arr_0), or the folder of a run of samples. reference: the same, or the name of
    a world, for its training images; settings: options of that world, as "world.size=64". features: networks by name, JSON form
    or value. protocol: by name or value. out, force: also write an .npz, and replace what is there. remake: make stale runs
    again. runs: where features are kept. tell: is told what moves the numbers without making them wrong.

    Missing and Problem, in one line that names the file and the rule, before any work.
    """
    rows = measured(samples, reference, features, protocol, out, force, settings, remake, runs, device, tell)
    return {row["metric"]: row["value"] for row in rows}


def measured(
    samples: str | Path,
    reference: str | Path,
    features: Sequence[Any],
    protocol: Any,
    out: str | Path | None,
    force: bool,
    settings: Sequence[str],
    remake: bool,
    runs: str | Path,
    device: str,
    tell: Callable[[str], None],
) -> Iterator[dict[str, Any]]:
    """n, metric and value of every number, as they are made. As `evaluate`."""
    from pydantic import TypeAdapter, ValidationError

    from experiments.device import resolve
    from experiments.features.protocol import ProtocolOf
    from experiments.graph.store import Store
    from experiments.left_out import left_out
    from experiments.settings import explain
    from experiments.tasks.feature_measure import FeatureMeasure
    from experiments.tasks.features import Features
    from experiments.tasks.reference import Reference

    if out is not None:
        require_new(Path(out), force)
    store, device = Store(Path(runs)), resolve(device)
    try:
        rules = TypeAdapter(ProtocolOf).validate_python(protocol)
    except ValidationError as error:
        raise Problem(explain(error)) from error
    networks = feature_networks(features)
    made, real = image_set(str(samples)), reference_set(str(reference), settings)
    for network in networks:
        network.require()
    for each in (samples, reference):
        require_protocol(str(each), rules)
    sets = [one.images(store) for one in (made, real)]  # both are read before any work
    for each, (images, _) in zip((samples, reference), sets):
        if len(images) <= rules.k:
            raise Problem(f"{each} has {len(images)} images: precision and recall need {rules.k + 1} at least")
    for network, (each, (images, _)) in product(networks, zip((samples, reference), sets)):
        require_shape(str(each), images, network)
    for line in unlike((samples, reference), (made, real), sets):
        tell(line)
    images, label = sets[0]
    moments = [statistics(real, network) for network in networks]
    first: Any = None
    for network, given in zip(networks, moments):
        made_features, real_features = (Features(samples=one, network=network) for one in (made, real))
        own = {"k": rules.k, "neighbours": rules.neighbours, "statistics": given}
        task = FeatureMeasure(
            features=made_features, reference=Reference(features=real_features, **own), sizes=(len(images),), protocol=rules
        )
        _make(task, store, device, remake)
        rows = list(task.rows(store))
        yield from rows
        found = made_features.arrays(store)["features"]
        for each, n in zip((samples, reference), map(len, (images, sets[1][0]))):
            if n <= found.shape[1] and given is None:
                tell(
                    f"{each} has {n:,} images, no more than the {found.shape[1]:,} features of {network.label}: their covariance "
                    "is singular, and the Frechet distance far above that of more images"
                )
        rest = (task.suffix, found.shape[1], min(len(sets[1][0]), rules.neighbours), label is not None)
        if lacking := left_out({row["metric"] for row in rows}, *rest):
            tell(f"{samples} has n = {len(images):,}: left out on {network.label}: {lacking}")
        first = found if network is networks[0] else first
    if out is not None:
        _write(Path(out), images, label, first, networks[0].label)


def feature_networks(given: Sequence[Any]) -> list[Any]:
    """The values of names and JSON forms. Problem for what is none, and for one network that is given twice."""
    from pydantic import TypeAdapter, ValidationError

    from experiments.fields import FeatureOf
    from experiments.settings import explain

    named: dict[Any, str] = {}
    for one in given:
        try:
            network = TypeAdapter(FeatureOf).validate_python(one)
        except ValidationError as error:
            raise Problem(explain(error)) from error
        said = one if isinstance(one, str) else json.dumps(one) if isinstance(one, dict) else network.label
        if network in named:
            raise Problem(f"features: {said} is the same network as {named[network]}: give it once")
        named[network] = said
    return list(named)


def require_new(out: Path, force: bool) -> None:
    """Problem, before any work, for a name that is no .npz, or that is taken: it may be one of the sets that are measured."""
    if out.suffix != ".npz" or out.is_dir():
        raise Problem(f"--out {out}: give the name of an .npz")
    if out.exists() and not force:
        raise Problem(f"--out {out} exists: give another name, or --force to replace it")
    above = next(place for place in out.absolute().parents if place.exists())
    if not above.is_dir():
        raise Problem(f"--out {out}: {above} is no folder")


def image_set(text: str) -> Any:
    """The images of an .npz, of the folder of a run of samples, or of a folder of images. Problem where there is none."""
    from experiments.graph.files import sha256
    from experiments.tasks.image_folder import folder_of_images
    from experiments.tasks.npz import Npz

    path = npz(text)
    if path.is_dir():
        return folder_of_images(path)
    if not path.is_file():
        raise Problem(f"there is no file {path}: name an .npz, a folder of images, or the folder of a run of samples")
    return Npz(file=str(path), sha256=sha256(path))


def reference_set(text: str, settings: Sequence[str]) -> Any:
    """The same, or the training images of a world. Problem for anything else, and for options of what is no world."""
    from experiments.registry import WORLDS
    from experiments.tasks.training_set import TrainingSet
    from experiments.worlds.chosen import apart, world_of

    own, rest = apart(list(settings))
    if rest:
        raise Problem(f"--set {rest[0]}: only the reference's world has options here, as in --set world.size=64")
    path, known = npz(text), text in WORLDS or ":" in text
    if path.is_file() or (path.is_dir() and text not in WORLDS):
        if own:
            raise Problem(f"--set world.{own[0]}: {text} is a {'folder' if path.is_dir() else 'file'}, and no world")
        return image_set(text)
    if not known:
        raise Problem(f"there is no file {path}, and no world of this name; worlds: {', '.join(WORLDS)}")
    world = world_of(text, own)
    if not world.trains or len(world.shape) != 3:
        raise Problem(f"{text} has no training images to compare with")
    return TrainingSet(world=world)


def npz(text: str) -> Path:
    """The file that a path means: samples.npz of the folder of a run."""
    path = Path(text)
    return inside if (inside := path / "samples.npz").is_file() else path


def statistics(real: Any, network: Any) -> Any:
    """The mu and sigma that a reference .npz holds beside its images, where they are of this network; else None."""
    import numpy as np

    from experiments.tasks.npz import Npz, read_npz
    from experiments.tasks.reference import STATISTICS_OF, Statistics

    if not isinstance(real, Npz) or network.label != STATISTICS_OF:
        return None
    found = read_npz(Path(real.file), (), ("mu", "sigma", "mu_of"))  # mu_of: of this package; others' are of Inception
    theirs = {"mu", "sigma"} <= set(found) and str(found.get("mu_of", STATISTICS_OF)) == STATISTICS_OF
    if theirs and not all(found[name].dtype.kind in "fiu" and np.isfinite(found[name]).all() for name in ("mu", "sigma")):
        raise Problem(f"{real.file}: mu and sigma hold text, NaN or infinity: they are no mean and covariance")
    return Statistics(file=real.file, sha256=real.sha256) if theirs else None


def parsed(text: str) -> Any:
    """A name, or the value of JSON that begins with a brace. Problem for JSON that is none."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise Problem(f'give a name, or JSON as in {{"is": "timm", ...}}, not {text!r}') from error


def _write(out: Path, images: Any, label: Any, features: Any, of: str) -> None:
    import numpy as np

    from analysis.measures.moments import moments_of
    from experiments.graph.files import disk_problems
    from experiments.tasks.npz import write_npz

    moments = moments_of(features)
    with disk_problems(out, "give another --out"):
        write_npz(out, np.asarray(images), label, mu=moments.mean, sigma=moments.cov, mu_of=np.array(of))


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
