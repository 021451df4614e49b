"""Commands one after another in one process that is not this one: what costs is to start it and to import."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

CODE = """
import contextlib, io, json, sys
from experiments.__main__ import main
ended = []
for words in json.loads(sys.argv[1]):
    sys.argv, code = ["guidance-bench", *words], 0
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as error:
        try:
            main()
        except SystemExit as done:
            code = done.code or 0
    ended.append([words, code, out.getvalue(), error.getvalue()])
print(json.dumps(ended))
"""


def several(
    commands: Sequence[Sequence[object]], env: Mapping[str, str], at: Path | None = None
) -> list[subprocess.CompletedProcess]:
    """What became of each command."""
    words = json.dumps([[str(word) for word in one] for one in commands])
    run = subprocess.run([sys.executable, "-c", CODE, words], capture_output=True, text=True, env=env, cwd=at)
    assert run.returncode == 0, run.stdout + run.stderr
    return [subprocess.CompletedProcess(*one) for one in json.loads(run.stdout.splitlines()[-1])]
