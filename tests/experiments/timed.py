"""CPU seconds of commands, and of what they cannot do without."""

import resource
import subprocess
import sys


def cpu_of_children() -> float:
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def of_torch() -> float:
    """CPU seconds that `import torch` takes by itself, here and now: a processor that is slow or shared is slow at both."""
    start = cpu_of_children()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return cpu_of_children() - start
