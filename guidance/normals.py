"""Standard normals of random words, on the CPU.

Box and Muller, 1958: of the halves a, b of a word, as signed 32-bit integers,

    r = sqrt(-2 log((a + 2^31 + 1/2) / 2^32)),   t = 2 pi b / 2^32,   and r cos t, r sin t are two independent normals.

In float64, rounded to float32 at the end: libraries whose float64 differs in the last place then give the same float32, unless it
lies at the edge of a rounding, where it is one unit in the last place apart (none of 8 10^7 numbers of numpy and torch, with
AVX512, AVX2 and without; computed in float32 a third of them differ). The largest is 6.8, which a normal exceeds once in 10^11.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guidance.philox import words

CACHED = 2**15  # words that are made at a time: float64 temporaries of more leave the cache


def words_of(numbers: int) -> int:
    """The words of a draw: two numbers of each."""
    return -(-numbers // 2)


def grouped(
    key: Int[Tensor, "2"], indices: Int[Tensor, " b"], part: int, group: int, numbers: int
) -> Float[Tensor, "group b numbers"]:
    """The `group` draws of a part of each stream, on the CPU; a draw has (numbers + 1) // 2 words, one after the other."""
    each = words_of(numbers)
    found = torch.empty(group, len(indices), numbers)
    rows = max(1, CACHED // max(1, group * each))
    for first in range(0, len(indices), rows):
        chosen = slice(first, first + rows)
        drawn = words(key, indices[chosen], part, group * each)
        box_muller(drawn.view(len(drawn), group, each).transpose(0, 1), found[:, chosen])
    return found


def box_muller(words: Int[Tensor, "*b words"], out: Float[Tensor, "*b numbers"]) -> None:
    """Two normals of each word into `out`: first every cosine, then the sines, as many as there is room for."""
    low, high = words.view(torch.int32).unflatten(-1, (words.shape[-1], 2)).unbind(-1)
    radius = low.to(torch.float64).add_(2.0**31 + 0.5).mul_(2.0**-32).log_().mul_(-2.0).sqrt_()
    angle = high.to(torch.float64).mul_(2 * math.pi / 2**32)
    count = words.shape[-1]
    out[..., :count] = angle.cos().mul_(radius)
    out[..., count:] = angle.sin_().mul_(radius)[..., : out.shape[-1] - count]
