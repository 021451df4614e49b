"""The quick tests once more with shapes checked at every call, which slows imports and calls: in a process of their own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow  # a minute; `make test-slow` checks every shape in every test, too
def test_every_function_with_a_shape_in_its_signature_is_called_and_keeps_to_it():
    hooked = Path(__file__).with_name("under_the_hook.py")
    run = subprocess.run([sys.executable, hooked], cwd=hooked.parent.parent.parent, capture_output=True, text=True)
    found = json.loads(run.stdout.splitlines()[-1]) if run.returncode == 0 else {}
    assert found == {"code": 0, "refuses": True, "silent": []}, f"{found}\n{run.stdout[-6000:]}\n{run.stderr[-2000:]}"
