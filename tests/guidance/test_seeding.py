"""Every number of every sample at every step is a draw of its own: nothing is shared over samples, steps, roles or seeds."""

from itertools import combinations

import pytest
import torch
from worlds import mixture

from guidance import SAMPLERS, CosineLogSNR, SampleNoise, sample
from guidance.sampling import own_noise
from guidance.seeding import INDICES, SEEDS, generator

SHAPES = [(2,), (1, 8, 8), (3, 10, 10)]  # many steps are made at a time, a few, and one alone


def steps(noise: SampleNoise, count: int) -> torch.Tensor:
    """The first draws (count, samples, numbers)."""
    return torch.stack([noise() for _ in range(count)]).flatten(2)


def correlations(rows: torch.Tensor) -> torch.Tensor:
    """The correlation of every two of the rows, in units of what is expected of independent ones."""
    close = rows.double().corrcoef()[tuple(torch.triu_indices(len(rows), len(rows), 1))]
    return close.abs() * rows.shape[1] ** 0.5


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_no_two_samples_and_no_two_steps_have_a_number_in_common(shape):
    drawn = steps(SampleNoise(5, range(4), shape), 300 if shape == (2,) else 12)
    assert drawn.shape[1:] == (4, torch.Size(shape).numel())
    twice = drawn.numel() - len(drawn.unique())
    assert twice <= drawn.numel() ** 2 / 2**23, "float32 has few enough numbers for a chance meeting, and for no more"
    for one, other in [*combinations(range(4), 2)]:
        assert not torch.equal(drawn[:, one], drawn[:, other])
    assert len(drawn.flatten(1).unique(dim=0)) == len(drawn), "a step's noise is no other step's"


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_noise_of_two_samples_and_of_two_steps_is_independent_and_standard_normal(shape):
    drawn = steps(SampleNoise(5, range(4), shape), 4000 // torch.Size(shape).numel())
    assert correlations(drawn.transpose(0, 1).flatten(1)).max() < 5, "of samples"
    of_steps = torch.cat([drawn[:4].flatten(1), *(steps(SampleNoise(s, range(100), shape), 4).flatten(1) for s in (6, 7))], 1)
    assert correlations(of_steps).max() < 5, "of steps"
    count = drawn.numel()
    assert drawn.mean().abs() < 5 / count**0.5 and (drawn.var() - 1).abs() < 5 * (2 / count) ** 0.5


def test_seeds_and_the_streams_of_a_methods_own_are_other_noise():
    kinds = [SampleNoise(0, range(3), (50,)), SampleNoise(1, range(3), (50,)), own_noise(0, range(3), (50,))]
    rows = torch.cat([steps(noise, 8).transpose(0, 1).flatten(1) for noise in kinds])
    assert correlations(rows).max() < 5


def test_a_sample_has_its_noise_at_every_step_whatever_the_batch_that_it_is_in():
    whole = steps(SampleNoise(7, range(6), (2,)), 140)
    apart = torch.cat([steps(SampleNoise(7, [i], (2,)), 140) for i in (4, 1)], 1)
    assert torch.equal(apart, whole[:, [4, 1]])
    assert torch.equal(steps(SampleNoise(7, range(6), (2,)), 140), whole), "the same again, when made again"


@pytest.mark.parametrize("name", [name for name in SAMPLERS if SAMPLERS[name]().stochastic])
def test_a_stochastic_sampler_starts_every_sample_elsewhere_and_steps_with_new_noise(name):
    """What the sampler is given, as `sample` gives it: z of the first call, then the noise of each step."""
    seen = []

    def listening(denoiser, z, logsnrs, label, noise):
        def heard():
            seen.append(noise())
            return seen[-1]

        seen.append(z)
        return SAMPLERS[name]()(denoiser, z, logsnrs, label, heard)

    label = torch.zeros(5, dtype=torch.long)
    made = sample(mixture(torch.float32), listening, CosineLogSNR(-5.0, 5.0).grid(6), label, (2,), 0)
    draws = torch.stack(seen)
    assert len(draws) > 5 and len(draws.flatten(0, 1).unique(dim=0)) == 5 * len(draws)
    assert len(made.unique(dim=0)) == 5


PURPOSES = ("world", "test", "weights", "train denoising", "train noisy-cross-entropy", "train cross-entropy", "probes")


def states(purpose: str, seed: int, count: int) -> list[int]:
    """What the generators of so many indices start from: equal numbers are equal streams."""
    return [generator(purpose, seed, i).initial_seed() for i in range(count)]


def test_no_two_purposes_share_a_stream_where_studies_draw():
    """Once training step i and sample i of one seed had the same numbers, and the classifier's step i too."""
    drawn = [state for purpose in PURPOSES for seed in range(3) for state in states(purpose, seed, 2112)]
    assert len(set(drawn)) == len(drawn)


def test_purposes_are_no_relabelling_of_each_other():
    """Were a purpose one XOR more, its seed s would be another purpose's seed s', sample by sample."""
    ones, others = (states(purpose, 0, 64) for purpose in ("sample", "method"))
    assert len({one ^ other for one, other in zip(ones, others)}) == 1, "the same index: a key apart"
    assert len({(one ^ ones[0]) // INDICES for one in ones}) > 48, "which is not a seed apart: indices have no order"


def test_within_a_purpose_every_pair_of_seed_and_index_has_a_stream_of_its_own():
    pairs = [(s, i) for s in (0, 1, 2, 511, SEEDS - 1) for i in (*range(500), *range(INDICES - 500, INDICES))]
    assert len({generator("sample", *pair).initial_seed() for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("pair", [(SEEDS, 0), (0, INDICES), (-1, 0)])
def test_a_seed_that_would_collide_is_refused(pair):
    with pytest.raises(ValueError, match="seed"):
        generator("sample", *pair)
