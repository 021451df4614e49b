"""Rounds: each family of systems in a process of its own, one system after another in every round, on one device."""

import multiprocessing
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from experiments.peers.task import Task
from experiments.pricing.machine import clock
from experiments.problems import Problem

FAMILIES = {  # the module, the package that it needs, and how that is installed
    "ours": ("ours", None, ""),
    "ours-probed": ("ours:probed", None, ""),
    "by-hand": ("by_hand", None, ""),
    "diffusers": ("with_diffusers", "diffusers.guiders", "pip install 'guidance-bench[diffusers]'"),
    "azula": ("with_azula", "azula.sample", "pip install 'guidance-bench[checkpoints]'"),
    "guided-diffusion": (
        "with_guided_diffusion",
        "guided_diffusion.respace",
        "put the folder guided_diffusion of its repository on PYTHONPATH (PyPI has none)",
    ),
    "k-diffusion": ("with_k_diffusion", "k_diffusion.sampling", "pip install k-diffusion"),
}
PEERS = [name for name in FAMILIES if name not in ("ours", "ours-probed", "by-hand")]
BARE = ("network", "bare")


@dataclass
class Timed:
    """Seconds of every round, by (kind, system); bare: of as many calls of the network as there are steps, in
    the process of that system."""

    task: Task
    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    bare: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def per_image(self, key: tuple[str, str]) -> float:
        """Milliseconds an image and step, the median."""
        return 1e3 * statistics.median(self.seconds[key]) / (self.task.batch * self.task.steps)

    def over_bare(self, key: tuple[str, str]) -> list[float]:
        """Of every round, the seconds over those of its calls of the network alone; conditional and cfg."""
        branches = 2 if key[0] == "cfg" else 1
        return [taken / (branches * bare) for taken, bare in zip(self.seconds[key], self.bare[key])]

    def against_ours(self, key: tuple[str, str]) -> list[float]:
        """Of every round, how many times ours a system takes."""
        return [other / mine for other, mine in zip(self.seconds[key], self.seconds[key[0], "ours"])]

    def best_peer(self, kind: str) -> tuple[str, str] | None:
        """The fastest of the others' systems."""
        peers = [key for key in self.seconds if key[0] == kind and not key[1].startswith(("ours", "by hand"))]
        return min(peers, key=lambda key: statistics.median(self.seconds[key]), default=None)


def installed(names: list[str]) -> tuple[list[str], list[str]]:
    """Those that can be imported, and a line for each that cannot. Problem for an unknown name."""
    there, lines = [], []
    for name in names:
        if name not in PEERS:
            raise Problem(f"--against: there is no peer {name!r}; known: {', '.join(PEERS)}")
        _, module, how = FAMILIES[name]
        try:
            import_module(str(module))
            there.append(name)
        except ImportError as error:
            lines.append(f"{name}: not installed ({' '.join(str(error).split())[:80]}): {how}")
    return there, lines


def timed(task: Task, families: list[str], rounds: int, launches: int = 1) -> Timed:
    """Ours, the loop by hand and the families, `rounds` times in turn after a round that is not counted.

    launches: how often all that is done, with new processes and in the opposite order: where a process's memory happens to lie
    makes it a tenth faster or slower, for as long as it lives.
    """
    result, order = Timed(task), ["ours", "ours-probed", "by-hand", *families]
    for _ in range(launches):
        with ExitStack() as stack:
            workers = [stack.enter_context(_worker(name, task)) for name in order]
            for number in range(rounds + 1):
                for ask, keys in workers:
                    bare = ask(BARE)
                    for key in keys:
                        taken = ask(key)
                        if number:
                            result.seconds.setdefault(key, []).append(taken)
                            result.bare.setdefault(key, []).append(bare)
        order = order[::-1]
    return result


@contextmanager
def _worker(family: str, task: Task) -> Iterator[tuple[Any, list[tuple[str, str]]]]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(family, task, there), daemon=True)
    process.start()
    there.close()

    def ask(key: Any) -> Any:
        try:
            here.send(key)
            answer = here.recv()
        except (EOFError, OSError) as error:
            raise Problem(f"{family}: its process ended") from error
        if isinstance(answer, str):
            raise Problem(f"{family}: {answer}")
        return answer

    try:
        yield ask, ask("systems")
        here.send(None)
        process.join()
    finally:
        process.terminate()


def _serve(family: str, task: Task, pipe: Any) -> None:
    """Answers with the systems of a family, and with the seconds of one of them: CPU seconds on a CPU."""
    import torch

    torch.set_num_threads(1)
    try:
        module, _, made_by = FAMILIES[family][0].partition(":")
        systems = getattr(import_module(f"experiments.peers.{module}"), made_by or "systems")(task)
        z, label = task.z(), task.label
        level = torch.full((task.batch,), task.levels[len(task.levels) // 2], device=task.device)

        @torch.no_grad()
        def bare() -> None:
            for _ in range(task.steps):
                task.net(z, level, label)

        runs = {BARE: bare, **systems}
        while (key := pipe.recv()) is not None:
            if key == "systems":
                pipe.send(list(systems))
                continue
            start = clock(task.device)
            runs[key]()
            pipe.send(clock(task.device) - start)
    except EOFError:  # whoever asked is gone
        return
    except Exception as error:  # of somebody else's loop, told in one line where it was asked for
        pipe.send(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
