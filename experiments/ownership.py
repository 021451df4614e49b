"""Whether the import name `guidance` is ours: another distribution on PyPI carries it too."""

from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

from experiments.problems import Problem

OURS = "guidance-bench"


def require_own_guidance() -> None:
    """Problem if `import guidance` would find, or has been mixed with, the package of another distribution."""
    home = Path(__file__).resolve().parent.parent
    spec = find_spec("guidance")
    found = Path(spec.origin).resolve().parent if spec and spec.origin else None
    others = set() if found == home / "guidance" and (home / ".git").exists() else _owners() - {OURS}
    if found != home / "guidance" or others:
        raise Problem(
            f"the import name 'guidance' belongs to another distribution ({', '.join(sorted(others)) or found}): install "
            f"{OURS} in a virtual environment of its own"
        )


def _owners() -> set[str]:
    return set(packages_distributions().get("guidance", ()))
