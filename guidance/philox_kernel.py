"""The noise of `guidance.noise` on a GPU: one Triton kernel from the indices of the samples to float32 normals.

Imported only where Triton is. What it reads are tensors on the device, and part and place are numbers: it may be captured in a
CUDA graph, and replayed with other indices or another key written into the same tensors.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from guidance.normals import words_of
from guidance.philox import BLOCK, blocks_of

LANES = 128  # blocks of a program


@triton.jit(do_not_specialize=["part", "first"])
def _normals(out, indices, key, part, first, count, blocks, each, span, numbers, LANES: tl.constexpr):
    """Words first .. first + each - 1 of a part of each stream, whose blocks are `span` for a sample; a lane makes a block."""
    lane = tl.program_id(0).to(tl.int64) * LANES + tl.arange(0, LANES)
    row, block = lane // span, first // 4 + lane % span
    index = tl.load(indices + row, mask=row < count, other=0)
    c0 = (index * blocks + block).to(tl.uint64)
    zero = tl.zeros_like(c0)
    k0, k1 = (zero + tl.load(key).to(tl.uint64)), (zero + tl.load(key + 1).to(tl.uint64))
    drawn = tl.philox_impl(c0, zero, zero + part.to(tl.uint64), zero, k0, k1)
    for i in tl.static_range(4):
        word = drawn[i]
        low = word.to(tl.uint32).to(tl.int32, bitcast=True).to(tl.float64)
        high = (word >> 32).to(tl.uint32).to(tl.int32, bitcast=True).to(tl.float64)
        radius = tl.sqrt(-2.0 * tl.log((low + 2147483648.0 + 0.5) * 2.3283064365386963e-10))  # 2^31, 2^-32
        angle = high * tl.full((LANES,), 1.4629180792671596e-09, tl.float64)  # 2 pi / 2^32, which is no float32
        column = block * 4 + i - first
        mine = (row < count) & (column >= 0) & (column < each)
        place = out + row * numbers + column
        tl.store(place, (radius * tl.cos(angle)).to(tl.float32), mask=mine)
        tl.store(place + each, (radius * tl.sin(angle)).to(tl.float32), mask=mine & (column + each < numbers))


def normals(key: Tensor, indices: Tensor, part: int, place: int, group: int, numbers: int) -> Tensor:
    """Draw `place` of the `group` draws of a part (b, numbers), as `guidance.normals.grouped` makes them all on the CPU.

    key (2,) and indices (b,) are int64 on the device. (In words: a checker's hook would hide the kernel from Triton.)
    """
    each = words_of(numbers)
    first = place * each
    span = (first + each - 1) // BLOCK - first // BLOCK + 1
    out = torch.empty(len(indices), numbers, device=indices.device)
    if out.numel():
        grid = (triton.cdiv(len(indices) * span, LANES),)
        blocks = blocks_of(group * each)
        with torch.cuda.device_of(indices):  # Triton launches on the current device, not on the tensors'
            sizes = (len(indices), blocks, each, span, numbers)
            _normals[grid](out, indices, key, part, first, *sizes, LANES, enable_fp_fusion=False)  # the same on every Triton
    return out
