"""The provenance of a run: class of machine, package versions, device, threads, and revision of the code."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("guidance-bench", "torch", "timm", "torch-fidelity", "numpy", "scikit-learn", "pandas")


def provenance(device: str) -> dict[str, Any]:
    """A JSON-able record of the environment of a run."""
    import torch

    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "packages": versions(),
        "python": platform.python_version(),
        "revision": revision(),
    }


@cache
def machine() -> dict[str, str]:
    """What determines whether a computation is reproduced bit for bit: processor, instruction set, torch and its BLAS."""
    import torch

    blas = "mkl" if torch.backends.mkl.is_available() else "openblas or other"
    return {
        "processor": processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "blas": blas,
        "openblas": os.environ.get("OPENBLAS_CORETYPE", ""),
    }


def same_machine(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two provenance records are of the same class of machine, on which results are equal bit for bit."""
    machines = first.get("machine", {}), second.get("machine", {})
    return all(machines[0].get(key) == machines[1].get(key) for key in ("instructions", "torch", "blas")) and (
        first.get("device") == second.get("device") and first.get("threads") == second.get("threads")
    )


@cache
def versions() -> dict[str, str]:
    """The versions of the packages that results depend on."""
    installed = {}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            installed[name] = "not installed"
    return installed


def device_name(device: str) -> str:
    """The name of the GPU, if `device` is one, or of the processor."""
    import torch

    return torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else processor()


@cache
def processor() -> str:
    """The model name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration, IndexError):
        return platform.processor() or platform.machine()


@cache
def revision() -> str | None:
    """The git revision of the code, `+` appended if the checkout has changes; None outside a checkout."""

    def git(*args: str) -> str:
        run = subprocess.run(["git", *args], cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10, check=True)
        return run.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None
