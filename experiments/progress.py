"""Progress: a bar in a terminal or a notebook, a line every few seconds in a file."""

import sys
import time

from tqdm.auto import tqdm

from experiments.graph.executors import progress_line

EVERY = 30.0  # seconds between two lines of one bar, at least, where nobody watches


class Lines(tqdm):
    """A bar as lines: the first, then one at EVERY seconds, and the last."""

    def __init__(self, **options):
        self.told = -EVERY
        super().__init__(**options, mininterval=EVERY, maxinterval=float("inf"), dynamic_ncols=False)

    def display(self, msg=None, pos=None) -> None:
        now = time.monotonic()
        if now - self.told >= EVERY or self.n == self.total:
            self.told = now
            print(self, file=sys.stderr, flush=True)

    def close(self) -> None:
        self.leave = False
        self.disable = True


def bar(title: str, total: int, unit: str, first: int = 0) -> tqdm:
    """The bar of one piece of work, on a line of its own where several run at once. TQDM_DISABLE=1 silences it."""
    watched = sys.stderr.isatty() or "ipykernel" in sys.modules
    kind = tqdm if watched else Lines
    where = {"position": progress_line(), "mininterval": 0.5} if watched else {}
    return kind(desc=title, total=total, unit=unit, initial=first, **where)
