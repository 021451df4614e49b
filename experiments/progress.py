"""Progress: a bar in a terminal or a notebook, otherwise a line at intervals."""

import sys
import time

from tqdm.auto import tqdm

from experiments import launch
from experiments.graph.executors import progress_line

SECONDS_BETWEEN_LINES = 30.0  # at least, for each bar, if the output is neither a terminal nor a notebook


class Lines(tqdm):
    """A bar as lines: the first, then at most one every SECONDS_BETWEEN_LINES, and the last, wherever it ends."""

    def __init__(self, **options):
        self.last_printed, self.shown = -SECONDS_BETWEEN_LINES, -1
        every = {"mininterval": SECONDS_BETWEEN_LINES, "maxinterval": float("inf"), "miniters": 1}
        super().__init__(**options, **every, dynamic_ncols=False)

    def display(self, msg=None, pos=None) -> None:
        now = time.monotonic()
        if now - self.last_printed >= SECONDS_BETWEEN_LINES or self.n == self.total:
            self.last_printed, self.shown = now, self.n
            print(self, file=sys.stderr, flush=True)

    def close(self) -> None:
        if not self.disable and self.n not in (self.initial, self.shown):
            print(self, file=sys.stderr, flush=True)
        self.leave = False
        self.disable = True


def bar(title: str, total: int | None, unit: str, first: int = 0) -> tqdm:
    """The progress bar of one task, on a separate line for each worker process. TQDM_DISABLE=1 silences it.

    total None: not known; nothing is shown at the start then, so that an input that is refused at once is one line.
    """
    interactive = sys.stderr.isatty() or "ipykernel" in sys.modules
    kind = tqdm if interactive else Lines
    options = {"position": progress_line(), "mininterval": 0.5} if interactive else {}
    options["delay"] = 0.5 if total is None else 0
    if launch.rank():
        options["disable"] = True
    return kind(desc=title, total=total, unit=unit, initial=first, **options)
