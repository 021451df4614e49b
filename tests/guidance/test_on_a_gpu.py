"""What only a GPU can show: its noise, its samples beside the CPU's, CUDA graphs, float32 without tf32, memory that runs out."""

import pytest
import torch

from guidance import METHODS, SAMPLERS, Clipped, CosineLogSNR, NetworkDenoiser, sample
from guidance.backbones.unet import UNet
from guidance.captured import Captured
from guidance.compute import Compute, prepare, probe, with_tf32
from guidance.law_kit import LAW_LOGSNRS, SHAPE, W, make_kit, samplers_of
from guidance.level import labels_within
from guidance.noise import SampleNoise, kernel_agrees
from guidance.sampling import own_noise

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
N = 6


@pytest.fixture(autouse=True)
def in_float32():
    """torch's own convolutions take tf32."""
    with with_tf32(False, "cuda"):
        yield


SEEN = [name for name, kind in METHODS.items() if not kind.decides_by_value]


def trajectory_of(name, sampler, device):
    """x of labels and indices, by the kit's networks on a device."""
    kit, levels = make_kit(METHODS[name]), LAW_LOGSNRS[:3]
    players = [*kit.roles.values(), kit.denoiser, kit.classifiers, kit.weak]
    for held in [*players, *(getattr(one, field, None) for one in players for field in ("network", "mixture"))]:
        if isinstance(held, torch.nn.Module):
            held.to(device)
    roles = {**kit.roles, "levels": tuple(levels.tolist())}
    if "ratios" in roles:
        ratios = torch.full((1, *SHAPE), 0.9, device=device)
        roles["ratios"] = lambda logsnr, label: ratios.expand(len(label), *SHAPE)
    method = METHODS[name](w=W)

    def trajectory(label, indices):
        own = roles | {"noise": own_noise(0, indices, SHAPE, device)}
        guided = Clipped(method(**{role: own[role] for role in method.roles}))
        return sample(guided, SAMPLERS[sampler](), levels, labels_within(label, 0, 2), SHAPE, 0, indices)

    return trajectory


def batch(first, device="cuda"):
    indices = torch.arange(first, first + N, device=device)
    return indices % 3, indices


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (5,)], ids=str)
def test_the_kernel_makes_the_noise_of_the_cpu(shape):
    assert kernel_agrees(torch.device("cuda", 0))
    here, there = (SampleNoise(2**40, range(5, 5 + N), shape, device) for device in ("cpu", "cuda"))
    for _ in range(9):
        torch.testing.assert_close(there().cpu(), here(), rtol=1.2e-7, atol=0)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_samples_are_those_of_the_cpu(name):
    sampler = samplers_of(METHODS[name])[0]
    found = trajectory_of(name, sampler, "cuda")(*batch(3)).cpu()
    torch.testing.assert_close(found, trajectory_of(name, sampler, "cpu")(*batch(3, "cpu")), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", sorted(SEEN))
def test_a_graph_replays_what_is_drawn(name):
    trajectory = trajectory_of(name, samplers_of(METHODS[name])[0], "cuda")
    captured = Captured(trajectory, N, 3)
    for first in (0, 7):
        label, indices = batch(first)
        torch.testing.assert_close(captured(label, indices.tolist()), trajectory(label, indices), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_every_sampler_can_be_captured(sampler):
    trajectory = trajectory_of("classifier-free", sampler, "cuda")
    label, indices = batch(20)
    torch.testing.assert_close(
        Captured(trajectory, N, 3)(label, indices.tolist()), trajectory(label, indices), rtol=1e-5, atol=1e-5
    )


def unet(width=32):
    torch.manual_seed(0)
    network = UNet(3, 10, width=width, multipliers=(1, 2), attention=(1,)).eval()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.05)
    return network


def given(n, device="cuda"):
    g = torch.Generator().manual_seed(1)
    z = torch.randn(n, 3, 32, 32, generator=g)
    return z.to(device), torch.zeros(n, device=device), torch.arange(n, device=device) % 10


@torch.no_grad()
def test_float32_is_no_tf32_and_lossy_ways_stay_near_it():
    wanted = unet().double()(given(8, "cpu")[0].double(), *given(8, "cpu")[1:]).float()
    off = {}
    for precision in ("float32", "tf32", "bfloat16"):
        found = prepare(unet().cuda(), Compute(precision))(*given(8)).cpu()
        off[precision] = float((found - wanted).norm() / wanted.norm())
    assert off["float32"] < 1e-5 < off["tf32"] < 1e-2 < 10 * off["bfloat16"] and off["tf32"] < off["bfloat16"] < 0.1, off


def test_a_probe_measures_every_way_that_there_is():
    chosen, seconds = probe(unet().cuda(), given(64), lossy=True)
    assert {way.precision for way in seconds} == {"float32", "tf32", "bfloat16"} and chosen in seconds


@torch.no_grad()
def test_rows_are_halved_when_memory_runs_out():
    """The largest share of the memory that a process may take is set below what both branches of a batch need at once."""
    model, n = NetworkDenoiser(unet(64).cuda(), 10), 2048
    z, logsnr, label = given(n)
    small = NetworkDenoiser(model.network, 10, rows=256).branches(z, logsnr, [label, None])
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.reset_peak_memory_stats()
    model.branches(z, logsnr, [label, None])
    peak = torch.cuda.max_memory_allocated()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.7 * peak / total)
    try:
        found = model.branches(z, logsnr, [label, None])
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert model.rows is not None and model.rows < 2 * n
    for one, other in zip(found, small):
        torch.testing.assert_close(one.x, other.x, rtol=1e-3, atol=1e-3)


def test_a_networks_samples_are_the_same_in_other_batches():
    model, levels = NetworkDenoiser(unet().cuda(), 10), CosineLogSNR(-10, 10).grid(5)
    guided = METHODS["classifier-free"](w=1.0)(model)
    label = torch.arange(32, device="cuda") % 10

    def drawn(*cuts):
        parts = [slice(*both) for both in zip(cuts, cuts[1:])]
        own = [(label[part], torch.arange(32)[part]) for part in parts]
        return torch.cat([sample(Clipped(guided), SAMPLERS["ancestral"](), levels, one, (3, 32, 32), 0, at) for one, at in own])

    torch.testing.assert_close(drawn(0, 32), drawn(0, 5, 16, 32), rtol=1e-3, atol=1e-3)
