"""The submissions that are committed, and the plain model that every other one must have."""

from pathlib import Path

from experiments.benchmark.protocol import Protocol, known
from experiments.benchmark.submission import Submission, read_submission
from experiments.problems import Problem

REFERENCE = "classifier-free"
RESULTS = Path("docs/results/benchmark")  # of the working directory
INSTALLED = (Path(__file__).parents[2] / RESULTS, Path(__file__).with_name("results"))  # an editable install has them, or a wheel


def place() -> Path:
    """The folder of those of the working directory, or of this package."""
    return next((folder for folder in (RESULTS, *INSTALLED) if folder.is_dir()), RESULTS)


def is_ours(folder: Path) -> bool:
    """Whether it is the folder of the working directory, however it is named."""
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


def require_reference(submissions: list[Submission], folder: Path, protocol: Protocol) -> None:
    """Problem for submissions without plain guidance, which every rank is a comparison with."""
    if reference(submissions) is None:
        raise Problem(
            f"{folder} has no submission of {REFERENCE} under {protocol.label}, which all are compared with: name by --results "
            "a folder that has it, or give its file by --with"
        )
