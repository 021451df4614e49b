"""The submissions that are committed, and the plain model that every other one must have."""

from pathlib import Path

from experiments.benchmark.protocol import Protocol, known
from experiments.benchmark.submission import Submission, read_submission
from experiments.problems import Problem

REFERENCE = "classifier-free"
RESULTS = Path("docs/results/benchmark")
PACKAGED = Path(__file__).with_name("results")  # where a wheel has them


def place() -> Path:
    """The folder of those of this checkout, or of this package."""
    return next((folder for folder in (RESULTS, PACKAGED) if folder.is_dir()), RESULTS)


def is_ours(folder: Path) -> bool:
    """Whether it is the folder of this checkout, however it is named."""
    return folder.absolute() == RESULTS.absolute()


def committed(folder: Path, protocol: Protocol) -> list[Submission]:
    """Those of a folder that were made under a protocol, by file name. Problem for a file that is none, or of a protocol that is
    neither this one nor ships.
    """
    found = [read_submission(path) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []
    for submission in found:
        if submission.sha256 not in {protocol.sha256, *known()}:
            raise Problem(f"{submission.place}: rule protocol: {submission.protocol} does not ship with this package")
    return [submission for submission in found if submission.sha256 == protocol.sha256]


def reference(submissions: list[Submission]) -> Submission | None:
    """Plain guidance among them, whose rows at w = 0 are those of every method."""
    return next((submission for submission in submissions if submission.label == REFERENCE), None)
