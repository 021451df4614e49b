"""Randomness is an argument: a generator per training step, so that no device or resume changes it (samples: noise.py)."""

import hashlib
from functools import cache

import torch

INDICES = 2**22  # torch's CPU generator keeps only 32 bits of its seed: 22 for the index, 10 for the seed
SEEDS = 2**10


def generator(purpose: str, seed: int, index: int) -> torch.Generator:
    """The CPU generator of (seed, index) for one purpose: index is a step of a training, or which of its kind.

    purpose: any text, such as "weights" or "train denoising". Within a purpose distinct pairs never collide; between two purposes
    the pairs are in no relation: step i of one training shares no number with step i of another of that seed.
    """
    if not (0 <= seed < SEEDS and 0 <= index < INDICES):
        raise ValueError(f"seed must lie in [0, {SEEDS}) and index in [0, {INDICES}), not {seed} and {index}")
    return torch.Generator().manual_seed(_mixed(seed * INDICES + index) ^ _key(purpose))


def _mixed(bits: int) -> int:
    """A permutation of the 32-bit numbers without order (the last steps of MurmurHash3), to be XORed with a purpose's key.

    The key alone would make seed s of one purpose the seed s XOR d of another, sample by sample in order.
    """
    bits = (bits ^ bits >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    bits = (bits ^ bits >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return bits ^ bits >> 16


@cache
def _key(purpose: str) -> int:
    return int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:4], "little")
