"""The weights that a training begins with: a file of timm's, those that timm fetches, or those of another training.

Another training is named by its folder, or is a parent in the graph, which is then made first: dropout is fine-tuned into a
conditional model so, as GLIDE did (arXiv 2112.10741), which then dropped 20 % of the text.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from experiments.graph.files import sha256
from experiments.graph.manifest import check_config, check_files, read_manifest
from experiments.graph.value import encode, value
from experiments.problems import Problem

TIMM, WEIGHTS = "timm", "model.safetensors"
ALIKE = ("world", "network")  # what another training must have in common


@value
class Weights:
    """A file of weights by its sha256, or "timm". Where it lies is no part of what it is.

    path: a file, or the folder of a run of the same kind of training, whose weights are then meant.
    """

    incidental: ClassVar[tuple[str, ...]] = ("path",)
    path: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None


def weights_of(text: str) -> Weights:
    """The weights that a path names. Problem if the path does not exist or is a folder that is no run."""
    path = Path(text)
    if text == TIMM:
        return Weights(path=TIMM)
    if not path.exists():
        raise Problem(f"begin: there is no file or run {path}")
    if path.is_dir():
        if not (path / "manifest.json").is_file():
            raise Problem(f"begin: {path} is no run of a training: name a file of weights, or the folder of a run")
        try:
            return Weights(path=text, sha256=read_manifest(path, (WEIGHTS,)).files[WEIGHTS])
        except Problem as problem:
            raise Problem(f"begin: {path} is no run of a training: {problem}") from problem
    return Weights(path=text)


def begin_with(module: nn.Module, weights: Any, training: Any, store: Any = None) -> None:
    """Puts the weights into a module; those of a parent task come from the store. Problem where they are missing or of another
    network.
    """
    if not isinstance(weights, Weights):
        load_state(module, store.open(weights) / WEIGHTS)
        return
    path = Path(weights.path)
    if weights.path == TIMM:
        _of_timm(module, TIMM)
        return
    if path.is_dir():
        _of_a_run(module, path, weights, training)
        return
    if not hasattr(module, "begin_with"):
        raise Problem("begin: timm has no weights of this network; name the folder of a run")
    found = sha256(path)
    if weights.sha256 is None:
        raise Problem(f"begin: say what file {path} is: set begin.sha256 (this one's is {found})")
    if found != weights.sha256:
        raise Problem(f"begin: {path} has the sha256 {found[:12]}..., not {weights.sha256[:12]}...")
    _of_timm(module, str(path))


def _of_timm(module: Any, weights: str) -> None:
    try:
        module.begin_with(weights)
    except ValueError as error:
        raise Problem(f"begin: {error}") from error


def _of_a_run(module: nn.Module, path: Path, weights: Weights, training: Any) -> None:
    try:
        manifest, config = read_manifest(path, (WEIGHTS,)), check_config(path)
        check_files(path, manifest)
    except Problem as problem:
        raise Problem(f"begin: {problem}") from problem
    if weights.sha256 not in (None, manifest.files[WEIGHTS]):
        raise Problem(f"begin: {path} holds other weights by now than the sha256 {weights.sha256[:12]}...")
    if config["identity"]["kind"] != training.kind:
        raise Problem(f"begin: {path} is no run of a {training.kind}")
    for name in ALIKE:
        theirs, ours = config["values"].get(name), encode(getattr(training, name))
        if theirs != ours:
            raise Problem(f"begin: {path} has {_difference(name, theirs, ours)}")
    if why := _of_another_meaning(config["values"].get("objective", {}), training.objective):
        raise Problem(f"begin: {path} has {why}")
    load_state(module, path / WEIGHTS)


def require_alike(parent: Any, training: Any) -> None:
    """ValueError unless a training may begin with the weights of another: same kind, world, network and meaning of the output."""
    if parent.kind != training.kind:
        raise ValueError(f"begin: it is a {parent.kind}, not a {training.kind}")
    for name in ALIKE:
        theirs, ours = (encode(getattr(one, name)) for one in (parent, training))
        if theirs != ours:
            raise ValueError(f"begin: it has {_difference(name, theirs, ours)}")
    if why := _of_another_meaning(encode(parent.objective), training.objective):
        raise ValueError(f"begin: it has {why}")


def _of_another_meaning(theirs: dict[str, Any], objective: Any) -> str | None:
    """In what an encoded objective differs that says what outputs and labels mean; None if in nothing."""
    ours = encode(objective)
    if theirs.get("is") != ours["is"]:  # of one kind, as pairs of labels and labels are
        return _difference("objective", theirs, ours)
    differing = [name for name in getattr(objective, "meaning", ()) if theirs.get(name) != ours[name]]
    return _difference(f"objective.{differing[0]}", theirs.get(differing[0]), ours[differing[0]]) if differing else None


def load_state(module: nn.Module, file: Path) -> None:
    """The weights of a file into a module. Problem in one line for a file that is none, or of another network."""
    try:
        module.load_state_dict(load_file(file))
    except (SafetensorError, RuntimeError, ValueError, OverflowError) as error:
        raise Problem(f"{file} cannot be loaded: {' '.join(str(error).split())[:300]}") from error


def _difference(name: str, theirs: Any, ours: Any) -> str:
    """The first field in which two values differ, and how."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        if theirs.get("is") == ours.get("is"):
            return next(_difference(f"{name}.{key}", theirs.get(key), ours[key]) for key in ours if theirs.get(key) != ours[key])
        theirs, ours = theirs.get("is"), ours.get("is")
    return f"{name} {theirs}, not {ours}"
