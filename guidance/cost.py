"""Cost is counted at the network, in rows: what a method declares is checked against this."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import nn

from guidance.head_share import head_share


@dataclass
class NFE:
    """Network function evaluations by kind. A method's formula gives them per sample; `count` sums rows."""

    denoiser_forward: int | float = 0
    denoiser_backward: int | float = 0
    classifier_forward: int | float = 0
    classifier_backward: int | float = 0
    weak_forward: int | float = 0  # of a second, usually smaller, denoiser

    def __add__(self, other: "NFE") -> "NFE":
        return NFE(*(a + b for a, b in zip(vars(self).values(), vars(other).values())))

    def __mul__(self, times: int | float) -> "NFE":
        return NFE(*(value * times for value in vars(self).values()))

    def brief(self) -> str:
        """As 2F + 1f + 1b: forward and backward of the denoiser, of a classifier, and W, a second denoiser's forward."""
        return " + ".join(f"{value:g}{letter}" for value, letter in zip(vars(self).values(), "FBfbW") if value) or "0"

    def per_sample(self, n: int) -> "NFE":
        """The counts divided by `n` samples."""
        return NFE(*(value / n for value in vars(self).values()))


@contextmanager
def count(denoiser: nn.Module | None = None, classifier: nn.Module | None = None, weak: nn.Module | None = None) -> Iterator[NFE]:
    """Counts the rows that go forward and backward through the networks while the block runs.

    No method needs gradients of the weak one, and they are not counted. A second classifier (a clean one, a discriminator)
    is counted as the classifier if it is given in a ModuleList with it. Of a network with one trunk for several labels of a row
    (guidance.backbones.late) a further label counts as the head's share of a forward, by FLOPs.
    """
    nfe = NFE()

    def watch(role: str):
        def add(kind: str, rows: int | float) -> None:
            setattr(nfe, f"{role}_{kind}", getattr(nfe, f"{role}_{kind}") + rows)

        def hook(module: nn.Module, inputs: tuple, output) -> None:
            first = output[0] if isinstance(output, tuple) else output  # of a Prediction, the exact world's output: x
            add("forward", evaluations(module, inputs, len(first)))
            if first.requires_grad and role != "weak":
                first.register_hook(lambda gradient: add("backward", evaluations(module, inputs, len(gradient))))

        return hook

    classifiers = list(classifier) if isinstance(classifier, nn.ModuleList) else [classifier]
    networks = {"denoiser": [denoiser], "weak": [weak], "classifier": classifiers}
    watched = [(role, net) for role, nets in networks.items() for net in nets if net is not None]
    handles = [net.register_forward_hook(watch(role)) for role, net in watched]
    try:
        yield nfe
    finally:
        for handle in handles:
            handle.remove()


def evaluations(network: nn.Module, inputs: tuple, rows: int) -> int | float:
    """What a call with `rows` rows of output counts: as many; of a shared trunk those of z, and the head's share of the rest."""
    trunk = len(inputs[0]) if getattr(network, "shares_trunk", False) else rows
    return rows if rows == trunk else trunk + (rows - trunk) * head_share(network, inputs[0].shape[1:])
