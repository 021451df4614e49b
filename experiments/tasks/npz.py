"""Sets of images in the form of guided-diffusion's evaluator: an .npz whose `arr_0` is bytes (n, h, w, c)."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from analysis.files import write_atomically
from experiments.features.files import require_sha256
from experiments.graph.files import require_file
from experiments.graph.store import Store
from experiments.graph.value import value
from experiments.problems import Problem

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@value
class Npz:
    """The images of a file: arr_0 uint8 (n, h, w, 1 or 3), and labels arr_1 (n,) where there are some; n: only the first n.

    The samples.npz of a run, `images` and `label`, is taken too.
    """

    name: ClassVar[str] = "npz"
    incidental: ClassVar[tuple[str, ...]] = ("file",)
    pinned: ClassVar[bool] = True
    file: str
    sha256: Sha256
    n: Annotated[int, Field(ge=2)] | None = None

    @property
    def title(self) -> str:
        return Path(self.file).name

    def images(self, store: Store) -> tuple[np.ndarray, np.ndarray | None]:
        require_sha256(Path(self.file), self.sha256)
        found = read_npz(Path(self.file), (), ("arr_0", "arr_1", "images", "label", "x"))
        if "x" in found and not {"arr_0", "images"} & set(found):
            raise Problem(
                f"{self.file} holds x, the float32 samples of an exact world, and no bytes: `guidance-bench sample --world NAME "
                "--out FOLDER` draws samples of it as images"
            )
        if not {"arr_0", "images"} & set(found):
            raise Problem(f"{self.file} has no arr_0: an .npz of images holds them under this name")
        images, label = found.get("arr_0", found.get("images")), found.get("arr_1", found.get("label"))
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] not in (1, 3):
            raise Problem(f"{self.file}: arr_0 is {images.dtype} {images.shape}, not uint8 (n, h, w, 1 or 3)")
        if label is not None and (label.shape != (len(images),) or not np.issubdtype(label.dtype, np.integer)):
            raise Problem(
                f"{self.file}: arr_1 is {label.dtype} {label.shape}, not an integer label for each of {len(images)} images"
            )
        return images[: self.n], None if label is None else label[: self.n]


def read_npz(path: Path, needed: Sequence[str], possible: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Arrays of an .npz by name; nothing is unpickled. Problem for a file that is none, or lacks what is needed."""
    try:
        with np.load(require_file(path), allow_pickle=False) as held:
            if lacking := [name for name in needed if name not in held]:
                raise Problem(f"{path} has no {lacking[0]}: it holds {', '.join(held.files)}")
            return {name: held[name] for name in (*needed, *possible) if name in held}
    except Problem:
        raise
    except Exception as error:  # of numpy and of zipfile, in words that advise to unpickle it
        raise Problem(f"{path} is no .npz of arrays ({type(error).__name__})") from error


def write_npz(path: Path, images: np.ndarray, label: np.ndarray | None = None, **more: np.ndarray) -> None:
    """Bytes (n, h, w, c) as arr_0, labels as arr_1 and further arrays by name (mu, sigma), completely or not at all."""
    held = BytesIO()
    np.savez(held, **{"arr_0": images} | ({} if label is None else {"arr_1": label}) | more)
    write_atomically(path, held.getvalue())
