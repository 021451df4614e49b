"""What `import guidance` costs and offers."""

import subprocess
import sys
from importlib.metadata import version

import pytest

import guidance

COST = """
import sys, time, torch
start = time.process_time()
import guidance
print(time.process_time() - start, "timm" in sys.modules)
"""


def test_it_adds_little_to_the_import_of_torch_and_does_not_import_timm():
    seconds = []
    for _ in range(2):
        found = subprocess.run([sys.executable, "-c", COST], capture_output=True, text=True).stdout.split()
        seconds.append(float(found[0]))
        assert found[1] == "False"
        if seconds[-1] < 0.3:
            break  # it is seen, and each more costs as much
    assert min(seconds) < 0.3


def test_it_has_the_version_of_the_package_and_no_other_surprises():
    assert guidance.__version__ == version("guidance-bench")
    with pytest.raises(AttributeError, match="no attribute 'versoin'"):
        _ = guidance.versoin
    assert all(hasattr(guidance, name) for name in guidance.__all__)
