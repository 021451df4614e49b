"""Noise of a sample is a function of (purpose, seed, sample, draw): of any seed and index, in any order, wherever it is made."""

import sys

import pytest
import torch

from guidance import SampleNoise, noise
from guidance.noise import cpu_generator, kernel_agrees, uniform_labels
from guidance.normals import grouped
from guidance.philox import key

SHAPES = [(2,), (3,), (1, 8, 8), (3, 10, 10), ()]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_draw_has_a_number_and_is_the_same_before_and_after_any_other(shape):
    one = SampleNoise(5, range(4), shape)
    drawn = [one() for _ in range(140)]
    assert one.drawn == 140 and drawn[0].shape == (4, *shape) and drawn[0].dtype == torch.float32
    other = SampleNoise(5, range(4), shape)
    for number in (139, 0, 130, 3, 2, 131):
        assert torch.equal(other.at(number), drawn[number])
    assert other.drawn == 0
    other.drawn = 77
    assert torch.equal(other(), drawn[77]) and torch.equal(other(), drawn[78])
    other.at(78).zero_()
    assert torch.equal(other.at(78), drawn[78]), "who changes a draw changes no other's"


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_samples_in_any_order_and_with_gaps_have_their_own(shape):
    order = [7, 3, 4, 5, 0, 7, 1]
    whole, chosen = SampleNoise(5, range(8), shape), SampleNoise(5, torch.tensor(order), shape)
    for _ in range(5):
        assert torch.equal(chosen(), whole()[order])


def test_indices_may_be_written_between_draws():
    """As into what a CUDA graph was captured with: on the CPU several draws of the former samples are ready."""
    written, other = SampleNoise(5, range(4), (2,)), SampleNoise(5, range(9, 13), (2,))
    assert not torch.equal(written(), other())
    written.indices += 9
    assert torch.equal(written(), other())
    written.indices.copy_(torch.tensor([1, 3, 5, 7]))
    assert torch.equal(written.at(1), SampleNoise(5, [1, 3, 5, 7], (2,)).at(1))


def test_noise_is_drawn_without_gradients_of_any_kind():
    """Tensors of inference mode have no version that would tell that they were written to."""
    with torch.inference_mode():
        inside = SampleNoise(5, range(4), (2,))
        drawn = [inside() for _ in range(3)]
        inside.indices += 1
        moved = inside.at(2)
    assert torch.equal(drawn[2], SampleNoise(5, range(4), (2,)).at(2))
    assert torch.equal(moved, SampleNoise(5, range(1, 5), (2,)).at(2))


def test_no_seed_and_no_index_of_a_study_is_too_large():
    far = SampleNoise(2**63 - 1, [2**40 - 1, 2**22, 2**22 - 1], (3, 512, 512))()
    assert far.isfinite().all() and len(far.flatten(1)[:, :9].unique(dim=0)) == 3
    seeds = torch.stack([SampleNoise(seed, range(50), (2,))() for seed in (0, 1, 1023, 1024, 2**32, 2**62)]).flatten(1)
    assert (seeds.double().corrcoef() - torch.eye(6)).abs().max() < 0.5
    for wrong in ((-1, [0]), (2**63, [0]), (0, [-1]), (0, [2**62])):
        with pytest.raises(ValueError, match="must lie in"):
            SampleNoise(*wrong, (2,))
    with pytest.raises(ValueError, match="number must be 0 or more"):
        SampleNoise(0, [0], (2,)).at(-1)


def test_no_samples_have_noise_of_their_shape():
    assert SampleNoise(0, [], (3, 4))().shape == (0, 3, 4)
    assert SampleNoise(0, [2, 3], (0, 4))().shape == (2, 0, 4)


def test_random_labels_are_uniform_and_belong_to_the_sample():
    found = uniform_labels(3, range(6000), 3)
    assert found.dtype == torch.int64 and (found.bincount() - 2000).abs().max() < 5 * (6000 * 2 / 9) ** 0.5
    assert torch.equal(uniform_labels(3, [17, 2**40, 5], 3)[[0, 2]], found[[17, 5]])
    assert (uniform_labels(4, range(6000), 3) == found).double().mean() == pytest.approx(1 / 3, abs=0.03), "another seed"
    agree = (SampleNoise(3, range(6000), ())() > 0) == (found > 0)
    assert agree.double().mean() == pytest.approx(0.5, abs=0.04), "no relation to the noise"


def test_a_generator_of_any_seed():
    one, again, other = (torch.rand(9, generator=cpu_generator("draws", seed)) for seed in (2**62, 2**62, 2**62 + 1))
    assert torch.equal(one, again) and not torch.equal(one, other)


@pytest.fixture
def probed(monkeypatch):
    """The probe of a kernel that is another function."""

    def probe(normals):
        module = type("kernel", (), {"normals": staticmethod(normals)})
        monkeypatch.setitem(sys.modules, "guidance.philox_kernel", module)
        kernel_agrees.cache_clear()
        return kernel_agrees(torch.device("cpu"))

    yield probe
    kernel_agrees.cache_clear()


def cpu_kernel(own, indices, part, place, group, numbers):
    return grouped(own, indices, part, group, numbers)[place]


def test_a_kernel_is_used_where_it_makes_the_numbers_of_the_cpu_and_nowhere_else(probed):
    assert probed(cpu_kernel)
    with pytest.warns(RuntimeWarning, match="noise for cpu is made on the CPU.*numbers are not the CPU's"):
        assert not probed(lambda own, indices, part, place, group, numbers: cpu_kernel(own, indices, part, 0, group, numbers))

    def broken(*_):
        raise RuntimeError("Failed to find C compiler.\nmore")

    with pytest.warns(RuntimeWarning, match="RuntimeError: Failed to find C compiler.$"):
        assert not probed(broken)


def test_on_cuda_the_kernel_is_asked_for_the_draw_and_elsewhere_the_cpu(monkeypatch):
    """The way to the kernel, without a device: it is given the tensors that a graph replays, and the draw's part and place."""
    asked = []

    def kernel(*given):
        asked.append(given)
        return cpu_kernel(*given)

    monkeypatch.setitem(sys.modules, "guidance.philox_kernel", type("kernel", (), {"normals": staticmethod(kernel)}))
    here, there = (SampleNoise(5, range(4), (5, 10), purpose="method") for _ in range(2))
    there.on_device = True
    for number in range(7):
        assert torch.equal(there(), here.at(number))
    assert [given[2:4] for given in asked] == [(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (1, 0), (1, 1)]
    assert all(given[0] is there.key and given[1] is there.indices for given in asked)
    assert torch.equal(there.key, key("method", 5)) and len(asked) == 7


def test_the_device_decides_where_noise_is_made(monkeypatch):
    monkeypatch.setattr(noise, "kernel_agrees", lambda device: pytest.fail("only CUDA has a kernel"))
    assert not SampleNoise(0, range(2), (2,)).on_device
    assert SampleNoise(0, range(2), (2,), "meta")().device.type == "meta"


def test_noise_is_the_same_in_inference_mode():
    outside = SampleNoise(0, range(3), (2,))
    drawn = [outside(), outside()]
    with torch.inference_mode():
        for indices in (range(3), torch.arange(3)):
            inside = SampleNoise(0, indices, (2,))
            assert all(torch.equal(inside(), each) for each in drawn)
