"""Executes the notebooks on the committed results: `python -m analysis.notebooks.execute [NAME ...] [--check]`.

Each runs in a kernel of its own, in an empty folder, on one thread. A notebook is replaced when all of its cells have run; what
is the same again is left alone. --check executes nothing: it names those whose outputs are of other sources, or of other tables.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from analysis.files import write_atomically
from analysis.find import ONLY_COMMITTED, STUDY_VARIABLE
from analysis.notebooks.kept import problems, tidied

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
SECONDS = 600  # of a cell, at most
QUIET = "ignore:IProgress not found"  # tqdm, wherever ipywidgets is not installed


def executed(notebook: dict[str, Any], study: str | Path = ONLY_COMMITTED) -> dict[str, Any]:
    """The notebook with the outputs of a run of all its cells. study: a finished study's folder, or "committed".

    nbclient's CellExecutionError if a cell fails, CellTimeoutError after SECONDS of one, DeadKernelError without a kernel.
    """
    import nbclient
    import nbformat

    begun = nbformat.reads(json.dumps(notebook), as_version=4)
    with tempfile.TemporaryDirectory() as nowhere:
        client = nbclient.NotebookClient(
            begun,
            timeout=SECONDS,
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,  # or the same text comes in other pieces each time
            resources={"metadata": {"path": nowhere}},
        )
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        own = {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": QUIET, STUDY_VARIABLE: str(study)}
        client.execute(env={**os.environ, **own})
    return json.loads(nbformat.writes(begun))


def read(path: Path) -> dict[str, Any]:
    """A notebook as JSON has it."""
    return json.loads(path.read_text(encoding="utf-8"))


def write(notebook: dict[str, Any], path: Path) -> None:
    """As Jupyter writes it: one space of indent, and a newline at the end."""
    write_atomically(path, (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode())


def main(arguments: list[str]) -> int:
    """0 if every notebook is as it should be, 2 if one is not."""
    parser = argparse.ArgumentParser(prog="python -m analysis.notebooks.execute", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="as in 01_tradeoff; all of them if none is given")
    parser.add_argument("--check", action="store_true", help="execute nothing, name those that are out of date")
    asked = parser.parse_args(arguments)
    known = {path.stem: path for path in sorted(FOLDER.glob("*.ipynb"))}
    if strange := [name for name in asked.names if name not in known]:
        print(f"there is no notebook {strange[0]}: there are {', '.join(known)}", file=sys.stderr)
        return 2
    return max([_one(known[name], asked.check) for name in asked.names or known])


def _one(path: Path, check: bool) -> int:
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = read(path)
    try:
        made = notebook if check else tidied(executed(notebook))
    except CellExecutionError as error:
        print(f"{path.stem}: a cell failed and nothing was written: {error.ename}: {error.evalue}", file=sys.stderr)
        return 2
    except (CellTimeoutError, DeadKernelError) as error:
        print(f"{path.stem}: nothing was written: {str(error).splitlines()[0]}", file=sys.stderr)
        return 2
    for why in (wrong := list(problems(made, ROOT))):
        print(f"{path.stem}: {why}" + (": run `make notebooks`" if check else ""), file=sys.stderr)
    if made != notebook and not wrong:
        write(made, path)
    if not check:
        written = f"written, {path.stat().st_size / 1e6:.2f} MB"
        print(f"{path.stem}: {'not written' if wrong else 'as it was' if made == notebook else written}", flush=True)
    return 2 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
