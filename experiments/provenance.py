"""What made a run: versions, device, threads and the revision of the code."""

import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGES = ("guidance-bench", "torch", "timm", "torch-fidelity", "numpy", "scikit-learn")


def provenance(parents: list[str], device: str) -> dict:
    """A JSON-able record of the circumstances of a run; `parents` are the names of the runs it read."""
    return {
        "parents": sorted(parents),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "packages": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "revision": revision(),
    }


def device_name(device: str) -> str:
    """The name of the GPU that `device` is, or else of the processor."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@cache
def revision() -> str | None:
    """The git revision of the code, `+` appended if the checkout has changes; None outside a checkout."""
    folder = Path(__file__).parent
    try:
        run = lambda *words: subprocess.run(  # noqa: E731
            ["git", *words], cwd=folder, capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
        return run("rev-parse", "HEAD") + ("+" if run("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None
