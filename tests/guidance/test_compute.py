"""How a network is evaluated: what `prepare` changes and what it must not, what `probe` chooses, what a full memory does."""

import copy
import time
from types import MethodType

import pytest
import torch
from torch import nn

from guidance import METHODS, SAMPLERS, CosineLogSNR, NetworkDenoiser, count, memory, sample
from guidance.compute import Compute, in_precision, prepare, probe, with_tf32
from guidance.law_kit import network


class Convolution(nn.Module):
    """A network that keeps what it was given and in which precision it worked."""

    conditioned_on = "logsnr"

    def __init__(self):
        super().__init__()
        self.inner, self.seen = nn.Conv2d(3, 3, 3, padding=1), []

    def forward(self, z, logsnr, label, perturbations=()):
        h = self.inner(z)
        self.seen.append((z.is_contiguous(memory_format=torch.channels_last), h.dtype, len(z)))
        return h


def inputs(n=4):
    g = torch.Generator().manual_seed(0)
    return torch.randn(n, 3, 8, 8, generator=g), torch.zeros(n), torch.arange(n) % 3


@torch.no_grad()
def test_precision_and_layout_are_the_ones_that_were_asked_for_and_the_output_is_plain():
    net = Convolution()
    plain = net(*inputs())
    for compute in (Compute(), Compute("bfloat16", "channels_last"), Compute(memory_format="channels_last"), Compute()):
        net.seen.clear()
        output = prepare(net, compute)(*inputs())
        half = compute.precision == "bfloat16"
        assert net.seen == [(compute.memory_format == "channels_last", torch.bfloat16 if half else torch.float32, 4)]
        assert output.dtype == torch.float32 and output.is_contiguous()
        torch.testing.assert_close(output, plain, rtol=0.05 if half else 1e-5, atol=0.05 if half else 1e-6)
        assert torch.equal(output, plain) or compute != Compute(), "a second choice replaces the first"
        assert not (half and torch.equal(output, plain))


@torch.no_grad()
def test_a_prepared_network_is_still_a_module_that_can_be_copied_counted_and_perturbed():
    net = prepare(Convolution(), Compute("bfloat16"))
    other = copy.deepcopy(net)
    nn.init.zeros_(other.inner.weight)
    nn.init.zeros_(other.inner.bias)
    assert net(*inputs()).any() and not other(*inputs()).any(), "a copy computes with its own weights"
    model = NetworkDenoiser(net, 2)
    with count(net) as nfe:
        model.branches(*inputs()[:2], [inputs()[2] % 2, None])
    assert nfe.denoiser_forward == 8
    unet = network()
    z, logsnr = torch.randn(3, 1, 8, 8), torch.zeros(3)
    guided = METHODS["pag"](w=1.0)(unet)(z, logsnr, torch.arange(3)).x
    prepare(unet.network, Compute(memory_format="channels_last"))
    torch.testing.assert_close(METHODS["pag"](w=1.0)(unet)(z, logsnr, torch.arange(3)).x, guided, rtol=1e-3, atol=1e-4)


def test_a_module_whose_forward_is_an_attribute_is_prepared_and_set_back():
    given = nn.Module()
    given.forward = lambda z: z @ z.mT
    z = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    plain = given(z)
    assert not torch.equal(prepare(given, Compute("bfloat16"))(z), plain)
    assert torch.equal(prepare(given, Compute())(z), plain)


def test_a_gradient_goes_through_a_prepared_network():
    z, logsnr, label = inputs()
    gradients = []
    for compute in (Compute(), Compute("bfloat16", "channels_last")):
        torch.manual_seed(0)
        leaf = z.clone().requires_grad_()
        prepare(Convolution(), compute)(leaf, logsnr, label).square().sum().backward()
        gradients.append(leaf.grad)
    assert gradients[1].dtype == torch.float32
    torch.testing.assert_close(gradients[1], gradients[0], rtol=0.1, atol=0.1)
    assert not torch.equal(*gradients)


@pytest.mark.parametrize(
    ("options", "word"), [({"precision": "float16"}, "precision"), ({"memory_format": "nhwc"}, "memory_format")]
)
def test_an_unknown_choice_is_refused(options, word):
    with pytest.raises(ValueError, match=f"^{word} must be one of .*, not "):
        Compute(**options)


@pytest.mark.slow
@torch.no_grad()
def test_a_compiled_network_makes_the_same():
    unet, z = network(), torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    plain = unet(z, torch.zeros(3), torch.arange(3)).x
    prepare(unet.network, Compute(compile=True))
    with count(unet.network) as nfe:
        torch.testing.assert_close(unet(z, torch.zeros(3), torch.arange(3)).x, plain, rtol=1e-4, atol=1e-5)
    assert nfe.denoiser_forward == 3


class Timed(nn.Module):
    """Takes the seconds that are given for its way of computing; `refuses` channels_last."""

    def __init__(self, seconds, refuses=False):
        super().__init__()
        self.seconds, self.refuses = seconds, refuses

    def forward(self, z):
        last = not z.is_contiguous()
        if last and self.refuses:
            raise RuntimeError("view size is not compatible")
        half = torch.is_autocast_enabled("cpu")
        deadline = time.process_time() + self.seconds[half, last] * len(z) / 8
        while time.process_time() < deadline:
            pass
        return z


@pytest.mark.parametrize(
    ("seconds", "refuses", "lossy", "chosen"),
    [
        ({(0, 0): 2e-3, (0, 1): 1e-3}, False, False, Compute(memory_format="channels_last")),
        ({(0, 0): 2e-3, (0, 1): 2e-3}, False, False, Compute()),  # a tie is the simpler one
        ({(0, 0): 2e-3, (0, 1): 1e-3}, True, False, Compute()),
        ({(0, 0): 2e-3, (0, 1): 2e-3, (1, 0): 1e-3, (1, 1): 1e-3}, False, True, Compute("bfloat16")),
        ({(0, 0): 2e-3, (0, 1): 2e-3, (1, 0): 0.1, (1, 1): 0.1}, False, True, Compute()),
    ],
    ids=["layout", "tie", "refused", "half", "half is slow"],
)
def test_the_probe_takes_what_is_faster_and_drops_what_is_slow_or_impossible(seconds, refuses, lossy, chosen):
    started = time.process_time()
    found, medians = probe(Timed(seconds, refuses), (torch.zeros(8, 3, 4, 4),), lossy=lossy)
    assert found == chosen
    if refuses:
        assert list(medians) == [Compute()]
    if seconds.get((1, 0)) == 0.1:
        assert not any(way.precision == "bfloat16" for way in medians)
        assert time.process_time() - started < 0.5, "one row was enough to see it"


def test_a_failure_of_the_plain_way_is_not_hidden_by_the_probe():
    with pytest.raises(RuntimeError, match="no network"):
        probe(Broken(), (torch.zeros(2, 3, 4, 4),))


class Broken(nn.Module):
    def forward(self, z):
        raise RuntimeError("no network")


class Small(Convolution):
    """A device on which three rows fit."""

    def forward(self, z, logsnr, label, perturbations=()):
        if len(z) > 3:
            self.seen.append(("too large", None, len(z)))
            raise torch.OutOfMemoryError("out of memory")
        return super().forward(z, logsnr, label)


@torch.no_grad()
def test_rows_are_halved_when_memory_runs_out_and_stay_so():
    small, z = Small(), inputs(8)[0]
    model, plain = NetworkDenoiser(small, 3), NetworkDenoiser(Convolution(), 3)
    plain.network.inner.load_state_dict(small.inner.state_dict())
    call = (z, torch.zeros(8), [torch.arange(8) % 3, None])
    found = model.weighted_sum(*call, [2.0, -1.0])
    torch.testing.assert_close(found.x, plain.weighted_sum(*call, [2.0, -1.0]).x)
    assert model.rows == 2, "16 rows in all, 8, 4, 2"
    small.seen.clear()
    model.weighted_sum(*call, [2.0, -1.0])
    assert {rows for _, _, rows in small.seen} == {2}, "found once"


def test_one_row_that_does_not_fit_is_an_error():
    class Full(Convolution):
        def forward(self, z, logsnr, label):
            raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        NetworkDenoiser(Full(), 3)(*inputs())


@pytest.mark.parametrize("keep", [True, False])
def test_sample_lets_the_process_keep_its_memory_unless_told_otherwise(monkeypatch, keep):
    called = []
    monkeypatch.setattr("guidance.sampling.keep_memory", lambda: called.append(True))
    sample(network(), SAMPLERS["ddim"](), CosineLogSNR().grid(2), torch.tensor([0]), (1, 8, 8), 0, keep=keep)
    assert called == [True] * keep
    assert callable(memory.keep_memory)


@torch.no_grad()
def test_a_copy_of_a_network_whose_forward_is_its_own_method_computes_with_its_own_weights():
    net = Convolution()
    net.forward = MethodType(lambda self, z: 2 * self.inner(z), net)
    other = copy.deepcopy(prepare(net, Compute()))
    for weight in other.parameters():
        weight.zero_()
    assert net(inputs()[0]).any() and not other(inputs()[0]).any()


def test_tensors_given_by_name_lists_and_dictionaries_are_computed_so_too():
    class Named(nn.Module):
        def forward(self, z):
            self.seen = z.is_contiguous(memory_format=torch.channels_last)
            half = z.flatten(1) @ z.flatten(1).T
            return [half], {"half": half}

    net = prepare(Named(), Compute("bfloat16", "channels_last"))
    (first,), second = net(z=inputs()[0])
    assert net.seen and first.dtype == second["half"].dtype == torch.float32
    assert net(z=torch.zeros(2, 3, 4, 4, device="meta"))[0][0].is_meta, "where there is no autocast"


def test_gradients_are_as_precise_as_is_said_and_torch_is_left_as_it_was():
    flags = lambda: (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)  # noqa: E731
    before = flags()
    for allowed in (False, True):
        with with_tf32(allowed, "cuda:0"):
            assert flags() == (allowed, allowed)
            with in_precision("float32", "cuda"):
                assert flags() == (False, False)
        assert flags() == before


def test_the_probe_leaves_out_what_does_not_fit_as_a_whole():
    class Fits(nn.Module):
        def forward(self, z):
            if len(z) > 1 and not z.is_contiguous():
                raise torch.OutOfMemoryError("out of memory")
            return z

    found, medians = probe(Fits(), (torch.zeros(8, 3, 4, 4),))
    assert found == Compute() and list(medians) == [Compute()]
