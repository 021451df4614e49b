"""The least task that there is, for tests of runs: in a file that imports next to nothing."""

from pathlib import Path
from typing import ClassVar

from experiments.graph.store import Store
from experiments.graph.task import Task
from experiments.graph.value import value


@value
class Toy(Task):
    """A task for tests."""

    name: ClassVar[str] = "toy"
    files: ClassVar[tuple[str, ...]] = ("result.txt",)
    a: int = 1
    b: float = 0.5

    def run(self, folder: Path, store: Store, device: str) -> None:
        (folder / "result.txt").write_text("42")
