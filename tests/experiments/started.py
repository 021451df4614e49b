"""What a worker says of itself when it starts: nothing is imported here, so that nothing is there because of it."""

import gc
import resource
import sys


def start() -> tuple[float, bool, list[str], int]:
    """CPU seconds of this process until now, whether the libraries are there already, which modules of ours are, and how many
    things the collector of garbage leaves alone.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    ours = [name for name in sys.modules if name.startswith(("guidance", "classifiers", "analysis"))]
    return used.ru_utime + used.ru_stime, "torch" in sys.modules and "timm" in sys.modules, ours, gc.get_freeze_count()


def heard(task: object) -> float:
    """CPU seconds of a worker until it has a task of a study in its hands, the code of ours behind it imported."""
    return sum(resource.getrusage(resource.RUSAGE_SELF)[:2])


def there(names: tuple[str, ...]) -> list[str]:
    """Which of these modules are there."""
    return [name for name in names if name in sys.modules]
