"""Words by their place: the generator that was published, at the counters that the module's docstring says."""

import hashlib

import numpy as np
import pytest
import torch

from guidance.philox import PLACES, blocks_of, key, require_places, words

MASK = 2**64 - 1
ONES = [MASK] * 4
PI = [0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89, 0x452821E638D01377, 0xBE5466CF34E90C6C]
KNOWN = [  # Random123's kat_vectors, philox4x64 of 10 rounds: counter, key, words
    ([0] * 4, [0] * 2, [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]),
    (ONES, ONES[:2], [0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0]),
    (PI[:4], PI[4:], [0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6]),
]


def philox(counter: list[int], key: list[int]) -> list[int]:
    """The ten rounds by Python's integers, as figure 1 and table 2 of the paper have them."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = second >> 64 ^ c1 ^ k0, second & MASK, first >> 64 ^ c3 ^ k1, first & MASK
        k0, k1 = k0 + 0x9E3779B97F4A7C15 & MASK, k1 + 0xBB67AE8584CAA73B & MASK
    return [c0, c1, c2, c3]


def reference(purpose: str, seed: int, index: int, part: int, count: int) -> list[int]:
    """The words of one sample, block by block, of the layout in the docstring."""
    own = [seed, int.from_bytes(hashlib.sha256(purpose.encode()).digest()[:8], "little")]
    blocks = -(-count // 4)
    made = [word for block in range(blocks) for word in philox([index * blocks + block, 0, part, 0], own)]
    return made[:count]


@pytest.mark.parametrize("counter, own, expected", KNOWN, ids=["zeros", "ones", "pi"])
def test_known_answers(counter, own, expected):
    """Of the reference below, and of what numpy makes, which counts once before it draws."""
    assert philox(counter, own) == expected
    before = (sum(c << 64 * i for i, c in enumerate(counter)) - 1) % 2**256
    theirs = np.random.Philox(key=np.array(own, dtype=np.uint64), counter=before).random_raw(4)
    assert theirs.tolist() == expected


@pytest.mark.parametrize("count", [1, 4, 6, 128])
@pytest.mark.parametrize("purpose, seed, part", [("sample", 0, 0), ("sample", 3, 7), ("method", 2**63 - 1, 2**40)])
def test_words_are_the_published_ones_at_the_documented_counters(purpose, seed, part, count):
    indices = [5, 6, 7, 0, 2**40, 2**40 + 1, 3, 3, 2**57 // count]
    made = words(key(purpose, seed), torch.tensor(indices), part, count)
    assert made.shape == (len(indices), count) and made.dtype == torch.int64
    for row, index in zip(made.tolist(), indices):
        assert [word % 2**64 for word in row] == reference(purpose, seed, index, part, count)


def test_no_samples_have_no_words():
    nobody = torch.tensor([], dtype=torch.int64)
    assert words(key("sample", 0), nobody, 0, 6).shape == (0, 6)
    require_places([], 6)


def test_keys_of_purposes_and_seeds_differ():
    keys = {tuple(key(purpose, seed).tolist()) for purpose in ("sample", "method", "labels") for seed in (0, 1, 2**62)}
    assert len(keys) == 9


@pytest.mark.parametrize("seed", [-1, PLACES])
def test_a_seed_that_has_no_key_is_refused(seed):
    with pytest.raises(ValueError, match=r"seed must lie in \[0, 2\^63\), not"):
        key("sample", seed)


def test_a_sample_that_has_no_place_is_refused():
    last = PLACES // blocks_of(6) - 1
    require_places([0, last], 6)
    for index in (-1, last + 1):
        with pytest.raises(ValueError, match=f"index must lie in .*, not {index}"):
            require_places([0, index, 1], 6)
