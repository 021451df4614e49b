"""What `import guidance` costs and offers."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import guidance

COST = "import torch, time; start = time.process_time(); import guidance; print(time.process_time() - start)"


def test_it_adds_little_to_the_import_of_torch():
    seconds = [float(subprocess.run([sys.executable, "-c", COST], capture_output=True, text=True).stdout) for _ in range(2)]
    assert min(seconds) < 0.3


def test_it_has_the_version_of_the_package_and_no_other_surprises():
    assert guidance.__version__ == version("guidance-bench")
    with pytest.raises(AttributeError, match="no attribute 'versoin'"):
        _ = guidance.versoin
    assert all(hasattr(guidance, name) for name in guidance.__all__)
