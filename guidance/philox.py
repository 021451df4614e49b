"""Philox4x64-10: random words as a function of their place, so that nothing drawn before or beside them matters.

Salmon, Moraes, Dror and Shaw, 2011, "Parallel random numbers: as easy as 1, 2, 3". Of the Philox family this is the member that
numpy has in C: 5 us for the words of a 3x32x32 draw, where Philox4x32-10 by numpy's array operations takes 62. Its key and its
counter have room for every seed, sample and draw without mixing:

    key     = (seed, the first 8 bytes of sha256(purpose), little-endian)
    counter = (index * blocks + block, 0, part, 0)

A sample has `blocks` blocks of four 64-bit words in each part of its stream, so that the samples of a range are neighbours, and
one call for numpy. `guidance.philox_kernel` is the same function for a GPU.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

BLOCK = 4  # 64-bit words of one counter
PLACES = 2**63  # seeds, and counters of a part: what an int64 holds


def key(purpose: str, seed: int) -> Int[Tensor, "2"]:
    """Both words of a stream's key, 64 bits each as int64. ValueError for a seed that is negative or above 2^63 - 1."""
    if not 0 <= seed < PLACES:
        raise ValueError(f"seed must lie in [0, 2^63), not {seed}")
    return torch.tensor([seed, int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "little", signed=True)])


def blocks_of(count: int) -> int:
    """The blocks that hold `count` words."""
    return -(-count // BLOCK)


def require_places(indices: Sequence[int], count: int) -> None:
    """ValueError for samples of `count` words a part that have no place of their own: negative, or past 2^63 blocks."""
    least, most = min(indices, default=0), max(indices, default=0)
    places = PLACES // max(1, blocks_of(count))
    if least < 0 or most >= places:
        raise ValueError(f"a sample's index must lie in [0, {places}), not {least if least < 0 else most}")


def words(key: Int[Tensor, "2"], indices: Int[Tensor, " b"], part: int, count: int) -> Int[Tensor, "b count"]:
    """The first `count` words of a part of each sample's stream, 64 bits each as int64, on the CPU."""
    blocks, order = blocks_of(count), indices.numpy()
    starts = [0, *(np.flatnonzero(np.diff(order) != 1) + 1).tolist(), len(order)]
    bits = np.random.Philox(key=key.numpy().view(np.uint64), counter=2**256 - 1)  # it counts before it draws
    found, place = [], 0
    for start, end in zip(starts, starts[1:]):  # runs of neighbours
        first, length = int(order[start]) * blocks + (part << 128) if end > start else 0, (end - start) * blocks
        bits.advance((first - place) % 2**256)
        found.append(bits.random_raw(length * BLOCK))
        place = first + length
    whole = found[0] if len(found) == 1 else np.concatenate(found)
    return torch.from_numpy(whole.view(np.int64)).view(len(order), blocks * BLOCK)[:, :count]
