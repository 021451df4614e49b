"""Between the first and the last call of a trajectory nothing is read back from a device, and nothing is sent to it.

Tensors are fake: they have a device, a shape and a dtype and no numbers, so that whatever decides by a number raises, whatever
depends on one for its shape too, and a tensor on another device is refused. Fake CUDA needs no GPU, except for autograd: the
methods that take a gradient have fake CPU tensors.
"""

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from waves import Waves

from guidance import METHODS, SAMPLERS
from guidance.denoiser import Clipped
from guidance.law_kit import LAW_LOGSNRS, SHAPE, Kit, W, make_kit, samplers_of
from guidance.level import labels_within
from guidance.methods.method import Method
from guidance.sampling import own_noise, sample

READS = (RuntimeError, NotImplementedError)  # DataDependentOutputException and DynamicOutputShapeException are among them
N = 4


class NothingSent(TorchDispatchMode):
    """Raises for a tensor made of Python numbers, which on a device would be sent there, and for an index that lies elsewhere."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func in (torch.ops.aten.lift_fresh.default, torch.ops.aten.lift.default):
            raise AssertionError("a tensor is made of Python numbers inside the trajectory")
        held = [one for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor) and one.ndim]
        if len({one.device.type for one in held}) > 1:  # torch lets indices lie on the CPU, and sends them
            raise AssertionError(f"{func} is given tensors of two devices")
        return func(*args, **(kwargs or {}))


def faked(kit: Kit, device: str) -> Kit:
    """The kit with every parameter and buffer fake, in the current mode."""
    players = [getattr(player, "network", getattr(player, "mixture", player)) for player in kit.roles.values()]
    for module in [
        m for p in (*players, kit.denoiser, kit.classifiers, kit.weak) if isinstance(p, nn.Module) for m in p.modules()
    ]:
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if tensor is not None and not isinstance(tensor, FakeTensor):
                    fake = torch.empty(tensor.shape, dtype=tensor.dtype, device=device)
                    held[name] = nn.Parameter(fake, requires_grad=False) if held is module._parameters else fake
    return kit


@pytest.fixture(autouse=True)
def waves(monkeypatch):
    """Noise is made on the device, by a kernel that fake tensors do not have."""
    monkeypatch.setattr("guidance.sampling.SampleNoise", Waves)


def run(method: Method, sampler: str) -> torch.Tensor:
    """The samples of a trajectory over three levels."""
    device = "cpu" if takes_gradient(method) else "cuda"
    levels, kit = LAW_LOGSNRS[:3], make_kit(type(method))
    with FakeTensorMode():
        kit, indices = faked(kit, device), torch.arange(N, device=device)
        ratios = torch.full((N, *SHAPE), 0.9, device=device)
        roles = {**kit.roles, "levels": tuple(levels.tolist()), "noise": own_noise(0, indices, SHAPE, device)}
        roles["ratios"] = lambda logsnr, label: ratios
        label = labels_within(torch.arange(N, device=device) % 3, 0, 2)
        guided = Clipped(method(**{role: roles[role] for role in method.roles}))
        with NothingSent():
            return sample(guided, SAMPLERS[sampler](), levels, label, SHAPE, 0, indices)


def takes_gradient(method: Method) -> bool:
    return bool(method.nfe_per_call.classifier_backward or method.nfe_per_call.denoiser_backward)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_method_reads_nothing_back_unless_it_says_so(name):
    method = METHODS[name](w=W)
    sampler = samplers_of(METHODS[name])[0]
    if method.decides_by_value:
        with pytest.raises(READS):
            run(method, sampler)
    else:
        assert run(method, sampler).shape == (N, *SHAPE)


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_a_sampler_reads_nothing_back(sampler):
    window = {"logsnr_min": -4.0, "logsnr_max": 4.0}
    assert run(METHODS["classifier-free"](w=W, **window), sampler).shape == (N, *SHAPE)


@pytest.mark.parametrize(
    "breach",
    [
        lambda pred, logsnr: pred._replace(x=logsnr.max().item() * pred.x),
        lambda pred, logsnr: pred._replace(x=pred.x if pred.x.isfinite().all() else pred.eps),
        lambda pred, logsnr: pred._replace(x=pred.x[pred.x[:, 0, 0, 0] > 0]),
        lambda pred, logsnr: pred._replace(x=pred.x * torch.tensor([2.0], device=pred.x.device)),
        lambda pred, logsnr: pred._replace(x=pred.x * torch.ones(1)),
        lambda pred, logsnr: pred._replace(x=pred.x[torch.arange(len(pred.x))]),
    ],
    ids=["item", "bool", "mask", "made of a number", "another device", "an index"],
)
def test_a_breach_is_seen(breach):
    class Breach(METHODS["classifier-free"]):
        def guided(self, model):
            guided = super().guided(model)
            return lambda z, logsnr, label: breach(guided(z, logsnr, label), logsnr)

    with pytest.raises((*READS, AssertionError)):
        run(Breach(w=W), "ddim")


def test_these_and_no_others_decide_by_value():
    said = {name for name, kind in METHODS.items() if kind.decides_by_value}
    assert said == {"adaptive", "fk-steering", "fkc", "particle-guidance", "tds"}
