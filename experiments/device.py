"""The device that a command names."""

import torch

from experiments.problems import Problem


def resolve(name: str) -> str:
    """`auto` made into cuda or cpu; any other name checked. Problem if there is no such device here."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    gpus = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    known = ["cpu", *(["cuda", *gpus] if gpus else [])]
    if name not in known:
        raise Problem(f"there is no device {name!r} here: --device takes auto or one of {', '.join(known)}")
    return name
