"""The files of MNIST and its kin: big-endian, two zero bytes, the type, the number of dimensions, the dimensions, the bytes."""

import gzip
import hashlib
import zlib
from pathlib import Path

import numpy as np

from experiments.problems import Problem

UINT8 = 8  # the type


def read_idx(path: Path, sha256: str) -> np.ndarray:
    """The array of a file, gzip or not. Problem if its content, unpacked, has not this sha256."""
    try:
        held = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise Problem(f"{path} cannot be read ({error})") from error
    if (found := hashlib.sha256(held).hexdigest()) != sha256:
        raise Problem(f"{path} is another file: unpacked it has the sha256 {found[:12]}, expected {sha256[:12]}: fetch it again")
    zero, kind, dimensions = int.from_bytes(held[:2], "big"), held[2], held[3]
    shape = tuple(int(n) for n in np.frombuffer(held, ">u4", dimensions, offset=4))
    if zero or kind != UINT8 or len(held) != 4 + 4 * dimensions + np.prod(shape):
        raise Problem(f"{path} is no idx file of bytes")
    return np.frombuffer(held, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
