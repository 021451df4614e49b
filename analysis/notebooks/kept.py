"""What of an executed notebook is committed: its sources' hash, and outputs that are the same wherever it was executed."""

import hashlib
import io
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

WIDGET = "application/vnd.jupyter.widget-view+json"
STAMP = "guidance_bench"  # the key of the notebook's metadata
READ = re.compile(r"reading (docs/results/\S+) \(sha256 ([0-9a-f]+)\)")
LOCAL = re.compile(r"0x[0-9a-f]{6,}|(?<![\w.])/(?:home|root|tmp|work|Users|usr|opt|var)/\S+")  # an address, a place on a machine
COLOURS, WIDEST = 256, 1700  # of a picture (fewer, and the colours of two methods become one); pixels
FONTS = re.compile(r"(findfont: .*\n?)+")  # which fonts a machine has is told on its stderr


def digest(notebook: dict[str, Any]) -> str:
    """The sha256 of all sources, in order, with the kinds of their cells."""
    sources = [[cell["cell_type"], text(cell["source"])] for cell in notebook["cells"]]
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def text(lines: str | list[str]) -> str:
    """A field of the format, which holds a string or its lines."""
    return lines if isinstance(lines, str) else "".join(lines)


def tidied(notebook: dict[str, Any]) -> dict[str, Any]:
    """The notebook without what differs from machine to machine (versions, times, fonts, widgets), its pictures small."""
    cells = []
    for cell in notebook["cells"]:
        cell = {**cell, "metadata": {}}
        if cell["cell_type"] == "code":
            cell["outputs"] = [_tidied(output) for output in cell["outputs"] if not _of_the_machine(output)]
        cells.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}, STAMP: {"sources": digest(notebook)}}
    return {**notebook, "cells": cells, "metadata": about}


def problems(notebook: dict[str, Any], root: Path) -> Iterator[str]:
    """Why the outputs of a notebook are not those of its sources and of the tables committed under `root`, each in a line."""
    if notebook["metadata"].get(STAMP, {}).get("sources") != digest(notebook):
        yield "its outputs are of other sources"
    for i, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code":
            continue
        if cell["execution_count"] is None:
            yield f"cell {i} was not executed"
        for output in cell["outputs"]:
            yield from (f"cell {i} {why}" for why in _wrong(output, root))


def _of_the_machine(output: dict[str, Any]) -> bool:
    return WIDGET in output.get("data", {}) or bool(FONTS.fullmatch(text(output.get("text", ""))))


def _tidied(output: dict[str, Any]) -> dict[str, Any]:
    if "data" not in output:
        return output
    data = dict(output["data"])
    if "image/png" in data:
        data["image/png"] = _smaller(text(data["image/png"]))
    return {**output, "data": data, "metadata": {}}


def _smaller(png: str) -> str:
    """A PNG, base64 as the format has it, on white, with a palette and no wider than WIDEST: a third of the bytes."""
    image = Image.open(io.BytesIO(b64decode(png)))
    if image.mode == "P" and image.width <= WIDEST:
        return png
    image = image.convert("RGBA")
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    image = image.reduce(-(-image.width // WIDEST))  # by a whole number: what is interpolated takes more bytes, not less
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(held := io.BytesIO(), "PNG", optimize=True)
    return b64encode(held.getvalue()).decode()


def _wrong(output: dict[str, Any], root: Path) -> Iterator[str]:
    if output["output_type"] == "error":
        yield f"failed: {output['ename']}"
    if output.get("name") == "stderr":
        yield f"wrote to stderr: {text(output['text']).splitlines()[0]}"
    shown = [value for kind, value in output.get("data", {}).items() if kind.startswith("text/")]
    said = "\n".join(text(value) for value in [*shown, output.get("text", "")])
    if local := LOCAL.search(said):
        yield f"names what is of one machine: {local[0]}"
    for place, told in READ.findall(said):
        if not (root / place).is_file() or hashlib.sha256((root / place).read_bytes()).hexdigest()[: len(told)] != told:
            yield f"shows another {place} than the committed one"
