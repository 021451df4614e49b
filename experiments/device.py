"""The device that a command names."""

import torch

from experiments.problems import Problem


def resolve(name: str) -> str:
    """`auto` made into cuda or cpu; any other name checked. Problem if there is no such device here."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=torch.device(name))
    except (RuntimeError, AssertionError) as error:
        raise Problem(f"there is no device {name!r} here ({str(error).splitlines()[0]}): use --device cpu") from error
    return name
