"""What of a notebook's outputs is kept beside its sources, and what may not be; how the committed ones are executed."""

import copy
import io
import json
from base64 import b64decode, b64encode

import numpy as np
import pytest
from PIL import Image
from test_notebook import said

from analysis.figures.pictures import png_of
from analysis.notebooks import execute, kept
from analysis.notebooks.execute import ROOT, read
from analysis.notebooks.kept import digest, problems, tidied

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def small(*outputs, source="print(1)"):
    cell = {"cell_type": "code", "id": "a", "metadata": {"execution": 1}, "execution_count": 1, "source": source}
    return {"cells": [{**cell, "outputs": list(outputs)}], "metadata": {"language_info": {"version": "3.11.7"}}}


def stream(words, name="stdout"):
    return {"output_type": "stream", "name": name, "text": words}


def picture(data, kind="image/png"):
    return {"output_type": "display_data", "data": {kind: data, "text/plain": "<Figure>"}, "metadata": {"needs": "light"}}


def test_what_is_of_one_machine_is_left_out_and_the_rest_kept():
    image = np.zeros((60, 2000, 3), np.uint8)
    image[:, :1000] = (0, 114, 178)
    png = b64encode(png_of(image)).decode()
    notebook = tidied(
        small(stream("1"), picture(png), picture("view", kept.WIDGET), stream("findfont: no A\nfindfont: no B\n", "stderr"))
    )
    (cell,) = notebook["cells"]
    assert cell["metadata"] == {} and "3.11.7" not in json.dumps(notebook) and len(cell["outputs"]) == 2
    smaller = Image.open(io.BytesIO(b64decode(cell["outputs"][1]["data"]["image/png"])))
    assert smaller.size == (1000, 30) and smaller.mode == "P" and smaller.convert("RGB").getpixel((10, 10)) == (0, 114, 178)
    assert tidied(copy.deepcopy(notebook)) == notebook and not list(problems(notebook, ROOT))


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (stream("careful\n", "stderr"), "cell 0 wrote to stderr: careful"),
        ({"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": []}, "cell 0 failed: ValueError"),
        (stream("in /home/me/runs/x"), "cell 0 names what is of one machine: /home/me/runs/x"),
        (picture("<Axes at 0x7f3a2b10>", "text/html"), "cell 0 names what is of one machine: 0x7f3a2b10"),
        (stream("reading docs/results/none/table.csv (sha256 0123456789ab)"), "cell 0 shows another docs/results/none/table.csv"),
        (stream("reading docs/results/README.md (sha256 0123456789ab)"), "cell 0 shows another docs/results/README.md"),
    ],
)
def test_an_output_that_may_not_be_kept_is_named(output, why):
    (found,) = problems(tidied(small(output)), ROOT)
    assert found.startswith(why)


def test_outputs_of_other_sources_are_found():
    notebook = tidied(small(stream("1")))
    assert not list(problems(notebook, ROOT))
    notebook["cells"][0]["source"] = ["print(", "2)"]
    assert list(problems(notebook, ROOT)) == ["its outputs are of other sources"]
    assert digest(small(source="a\nb")) == digest(small(source=["a\n", "b"])) != digest(small(source="a"))
    notebook = tidied({**small(), "cells": [{**small()["cells"][0], "execution_count": None}]})
    assert list(problems(notebook, ROOT)) == ["cell 0 was not executed"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of one notebook, of which a cell says where it runs."""
    monkeypatch.setattr(execute, "FOLDER", tmp_path)
    source = "import os\nprint(sorted(os.listdir()), os.environ['GUIDANCE_BENCH_STUDY'])"
    whole = {**small(source=source), "nbformat": 4, "nbformat_minor": 5}
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps(whole))
    return path


@pytest.mark.slow
def test_executing_replaces_a_notebook_once_and_a_failure_leaves_it(folder, capsys):
    pytest.importorskip("nbclient")
    assert execute.main(["--check"]) == 2
    assert "one: its outputs are of other sources: run `make notebooks`" in capsys.readouterr().err
    assert execute.main([]) == 0 and said(read(folder)) == "[] committed\n" and "one: written" in capsys.readouterr().out
    before = folder.stat().st_mtime_ns
    assert execute.main(["one"]) == 0 and "one: as it was" in capsys.readouterr().out and folder.stat().st_mtime_ns == before
    assert execute.main(["--check"]) == 0
    notebook = read(folder)
    notebook["cells"][0]["source"] = "raise ValueError('no such thing')"
    folder.write_text(json.dumps(notebook))
    before = folder.read_bytes()
    assert execute.main([]) == 2 and folder.read_bytes() == before
    assert "one: a cell failed and nothing was written: ValueError: no such thing" in capsys.readouterr().err
    assert execute.main(["two"]) == 2 and "there is no notebook two: there are one" in capsys.readouterr().err
