"""The exact mixture of digits-exact as networks of other conventions: right foreign networks without any training."""

import torch
from torch import Tensor, nn

from experiments.worlds import data
from experiments.worlds.digits_exact import DigitsExact
from guidance import CHAINS, NetworkDenoiser, adapters

CLASSES = 10
LINEAR, COSINE = CHAINS["linear"](), CHAINS["cosine"]()


class Exact(nn.Module):
    """(z, condition, label) -> what `says` names; `process`: condition -> a, s of its z = a x + s eps. Label 10 is null."""

    def __init__(self, process, says):
        super().__init__()
        self.process, self.says, self.world = process, says, data(DigitsExact()).oracle.float()

    def forward(self, z: Tensor, condition: Tensor, label: Tensor) -> Tensor:
        a, s = (value.double().reshape(-1, 1, 1, 1) for value in self.process(condition))
        logsnr, own = 2 * (a / s).log().flatten().float(), z / (a**2 + s**2).sqrt().to(z)
        preds = [self.world(own, logsnr, each) for each in (label.clamp(max=CLASSES - 1), None)]
        null = (label == CLASSES).reshape(-1, 1, 1, 1)
        x, eps = (torch.where(null, getattr(preds[1], name), getattr(preds[0], name)) for name in ("x", "eps"))
        return {"x": x, "eps": eps, "v": a.to(z) * eps - s.to(z) * x, "velocity": eps - x}[self.says]


def on(chain):
    """A chain's process."""
    return lambda t: (chain.logsnr(t).sigmoid().sqrt(), (-chain.logsnr(t)).sigmoid().sqrt())


def exploding(sigma):
    return torch.ones_like(sigma), sigma


def straight(t):
    return 1 - t, t


class Relabelled(nn.Module):
    """An adapted network whose labels are changed on the way."""

    def __init__(self, network, change):
        super().__init__()
        self.network, self.change = network, change
        self.conditioned_on, self.output_target = network.conditioned_on, network.output_target

    def forward(self, z, logsnr, label):
        return self.network(z, logsnr, self.change(label))


def chained(says="eps", chain=LINEAR, **options):
    return adapters.chain(Exact(on(LINEAR), says), chain, **{"whole": False, "predicts": says, **options})


def null_is(c):
    return Relabelled(chained(), lambda label: torch.where(label == CLASSES, c, label))


def denoiser(network):
    return NetworkDenoiser(network, CLASSES)


def right(path, device, world):
    """An adapter as a checkpoint has it."""
    return denoiser(chained())


def wrong_map(path, device, world):
    return denoiser(chained(chain=COSINE))


def without_null(path, device, world):
    """An adapter of class-conditional weights."""
    inner = denoiser(chained())

    def ask(z, logsnr, label):
        if label is None:
            raise ValueError("these weights were trained with labels only")
        return inner(z, logsnr, label)

    return ask


def of_three_channels(path, device, world):
    return lambda z, logsnr, label: inner_of(z)


def inner_of(z):
    from guidance import Prediction

    if len(z) > 2:
        raise RuntimeError("shapes cannot be multiplied (16x64 and 192x8)")
    return Prediction(z, z)
