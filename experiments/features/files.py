"""Where files of pretrained weights are looked for, and their sha256."""

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from torch import Tensor

from experiments.graph.files import require_file, sha256
from experiments.problems import Missing, Problem
from experiments.worlds.cache import cache


def weights_file(network: str, names: Sequence[str], digest: str, source: str, given: str = "") -> Path:
    """The file of these weights: the one given, or the first of `names` in weights/ of the cache folder or in torch.hub's folder.

    Missing, in one line with the sha256 and the place, where there is none; Problem for a file with another sha256.
    """
    place = cache() / "weights"
    hub = Path(os.environ.get("TORCH_HOME") or Path.home() / ".cache" / "torch") / "hub" / "checkpoints"
    tried = [Path(given)] if given else [folder / name for folder in (place, hub) for name in names]
    path = next((path for path in tried if path.exists()), None)
    if path is None:
        there = f"{given} does not exist" if given else f"put it into {place}, or name it in the field `file`"
        raise Missing(f"{network} needs the file {names[0]} (sha256 {digest}), which you can get from {source}: {there}")
    require_sha256(path, digest)
    return path


def require_sha256(path: Path, digest: str) -> None:
    """Problem for a file whose sha256 is another one; a file is read once a process."""
    require_file(path)
    stamp = path.stat()
    if (found := _sha256(path, stamp.st_mtime_ns, stamp.st_size)) != digest:
        raise Problem(f"{path} has the sha256 {found[:12]}..., not {digest[:12]}...: it is another file, or a damaged one")


def tensors(path: Path) -> Mapping[str, Tensor]:
    """The state_dict of a pickle that holds tensors and nothing else. Problem for any other, which is not opened."""
    import torch

    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise Problem(f"{path} holds more than tensors, which could run code, or is damaged: it is not opened") from error
    if not isinstance(held, Mapping) or not all(isinstance(one, Tensor) for one in held.values()):
        raise Problem(f"{path} holds no state_dict: a mapping of names to tensors")
    return held


@lru_cache(maxsize=16)
def _sha256(path: Path, modified: int, size: int) -> str:
    return sha256(path)
