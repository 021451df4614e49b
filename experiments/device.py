"""The device that a command names, and whose turn on a GPU it is."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from experiments import launch
from experiments.graph.locks import lock
from experiments.problems import Problem


def resolve(name: str) -> str:
    """`auto` made into cuda or cpu; any other name checked. Problem if there is no such device here.

    In a launch (experiments.launch) cuda is the GPU of this process: that of its number on its machine, or the only one it sees.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if launch.size() > 1 and name.startswith("cuda"):
        return _of_this_process(name, int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count())
    gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    known = ["cpu", *(["cuda", *gpus] if gpus else [])]
    if name not in known:
        raise Problem(f"there is no device {name!r} here: --device takes auto or one of {', '.join(known)}")
    return name


def _of_this_process(name: str, local: int, there: int) -> str:
    """The GPU of the process numbered `local` on a machine where it sees so many. Problem if it has none of its own."""
    if name != "cuda":
        raise Problem(f"--device {name} is one device for {launch.size()} processes: say cuda, and each takes its own")
    if local >= there > 1 or not there:
        raise Problem(f"process {local} of this machine has no GPU: it sees {there}; start one a GPU, or say --device cpu")
    own = f"cuda:{local if there > 1 else 0}"
    torch.cuda.set_device(own)
    return own


@contextmanager
def alone(device: str) -> Iterator[None]:
    """A block during which no other process of ours on this machine is in such a block of the same GPU: several workers of a
    study share one, and would stretch each other's seconds. Trainings beside it still do. Memory that the process keeps there and
    does not use is given back after it. On a CPU nothing is waited for. A block of one GPU inside another would wait for ever.
    """
    if torch.device(device).type != "cuda":
        yield
        return
    name = f"guidance-bench-{os.getuid()}-{torch.cuda.get_device_properties(device).uuid}.lock"
    with (Path(tempfile.gettempdir()) / name).open("w") as file:
        lock(file.fileno())
        try:
            yield
        finally:
            torch.cuda.empty_cache()
