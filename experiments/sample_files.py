"""Where samples are written: a grid as PNG, a folder with a PNG each, or samples.npz; whole or not at all.

samples.npz has arr_0, bytes (n, h, w, c) as ADM's evaluator takes them (points and latents: float32), label, and `made`: JSON
that says what made them. A grid carries the same text inside; a folder has it as made.json.
"""

import io
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from analysis.figures.pictures import as_bytes, png_of, tiled
from analysis.files import write_atomically
from experiments.graph.files import disk_problems, put, remove
from experiments.problems import Problem
from experiments.sampling import Samples
from experiments.tasks.images import to_uint8

MADE = "made.json"
OURS = re.compile(r"\d{5,}_\d+\.png|made\.json")
SMALLEST = 32  # pixels: a smaller image is enlarged, by a whole factor


def require_place(out: Path, world: Any, force: bool) -> None:
    """Problem, before any work, where samples of this world cannot be written to `out`."""
    picture, shape = out.suffix == ".png", tuple(world.shape)
    image = len(shape) == 3 and shape[0] in (1, 3)
    if out.suffix not in (".png", ".npz", ""):
        raise Problem(f"--out {out}: give a .png (a grid), a .npz, or a folder (a PNG for each)")
    if picture and not (image or shape == (2,)):
        raise Problem(f"--out {out}: samples of {world.name} are of shape {shape}, which is no picture: give a .npz")
    if not out.suffix and not image:
        other = " or a .png" if shape == (2,) else ""
        raise Problem(f"--out {out}: samples of {world.name} are no images: give a .npz{other}")
    above = next(place for place in out.absolute().parents if place.exists())
    if not above.is_dir():
        raise Problem(f"--out {out}: {above} is no folder")
    if not (out.exists() or out.is_symlink()):
        return
    if out.is_dir() == bool(out.suffix):
        raise Problem(f"--out {out} is {'a folder' if out.is_dir() else 'a file'}: give another name")
    if not force:
        raise Problem(f"--out {out} exists: give another name, or --force to replace it")
    if out.is_dir() and (others := sorted(path.name for path in out.iterdir() if not OURS.fullmatch(path.name))):
        raise Problem(f"--out {out} holds what is no sample ({others[0]}): give another folder")


def write_samples(drawn: Samples, out: Path, classes: int) -> None:
    """Writes them; what was there is replaced at once. Problem for a full disk."""
    with disk_problems(out, "give another --out"):
        if out.suffix == ".npz":
            write_atomically(out, _npz(drawn))
        elif out.suffix == ".png":
            write_atomically(out, _picture(drawn, classes))
        else:
            _folder(drawn, out)


def _npz(drawn: Samples) -> bytes:
    image = drawn.x.ndim == 4 and drawn.x.shape[1] in (1, 3)
    content, buffer = to_uint8(drawn.x) if image else drawn.x.numpy(), io.BytesIO()
    np.savez(buffer, content, label=drawn.label.numpy(), made=np.array(json.dumps(drawn.made)))
    return buffer.getvalue()


def _picture(drawn: Samples, classes: int) -> bytes:
    text = {"guidance-bench": json.dumps(drawn.made)}
    if drawn.x.ndim == 2:
        from analysis.figures.plane import scatter
        from analysis.figures.style import png

        return png(scatter(drawn.x.numpy(), drawn.label.numpy()))
    images = as_bytes(to_uint8(drawn.x))
    enlarged = max(1, -(-SMALLEST // images.shape[1]))
    return png_of(tiled(images.repeat(enlarged, 1).repeat(enlarged, 2), _columns(drawn, classes)), text)


def _columns(drawn: Samples, classes: int) -> int:
    """A column for each class where they come in turn and are few; else as many columns as rows."""
    n, different = len(drawn.label), len(drawn.label.unique())
    in_turn = different > 1 and bool((drawn.label == drawn.label[:different].repeat(-(-n // different))[:n]).all())
    return different if in_turn and different <= max(12, round(n**0.5)) else -(-n // max(1, round(n**0.5)))


def _folder(drawn: Samples, out: Path) -> None:
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(dir=out.absolute().parent, prefix=f".{out.name}."))
    try:
        for index, (image, label) in enumerate(zip(as_bytes(to_uint8(drawn.x)), drawn.label.tolist())):
            (new / f"{index:05d}_{label}.png").write_bytes(png_of(image))
        (new / MADE).write_text(json.dumps(drawn.made, indent=1) + "\n")
        new.chmod(0o755)
        put(new, out.absolute())
    finally:
        remove(new)
