"""Networks of others are trained as AdamW's plain step trains them, however their weights and gradients lie in memory."""

import copy

import pytest
import torch
from torch import nn

from experiments.tasks.fit import Fit, fit
from guidance.seeding import generator

X = torch.randn(4, 8, 6, 6, generator=torch.Generator().manual_seed(0))


class Weight(nn.Module):
    """One weight, and what is made of it and images."""

    def __init__(self, weight, made):
        super().__init__()
        self.weight, self.made = nn.Parameter(weight), made

    def forward(self, x):
        return self.made(x, self.weight)


def normal(*shape, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


NETWORKS = {
    "convolution": Weight(normal(4, 8, 3, 3), nn.functional.conv2d),
    "of one channel": Weight(normal(4, 1, 3, 3), lambda x, weight: nn.functional.conv2d(x[:, :1], weight)),
    "scale of channels": Weight(normal(1, 8, 1, 1), lambda x, weight: x * weight),
    "volumes": Weight(normal(2, 1, 3, 3, 3), lambda x, weight: nn.functional.conv3d(x[:, None], weight)),
    "transposed": Weight(normal(8, 5).T, lambda x, weight: x.mean((2, 3)) @ weight.T),
    "summed": Weight(normal(2, 3, 8, 5), lambda x, weight: torch.einsum("bcij,ahcd->bahdij", x, weight)),
    "with gaps": Weight(normal(5, 16)[:, ::2], lambda x, weight: x.mean((2, 3)) @ weight.T),
    "complex": Weight(normal(8, dtype=torch.complex64), lambda x, weight: (x.mean((2, 3)) * weight).abs()),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_weight_of_any_layout_is_fitted_as_by_the_plain_step(name, tmp_path):
    config = Fit(steps=4, batch=4, warmup=0, ema=0.0, lr=0.01)
    trained, plain = copy.deepcopy(NETWORKS[name]), copy.deepcopy(NETWORKS[name])

    def loss(net):
        return net(X).flatten(1).square().mean(1)

    found, _ = fit(trained, lambda g: loss(trained), config, lambda step: generator("layout", 0, step), tmp_path, name)
    decay = config.weight_decay if plain.weight.ndim > 1 else 0.0
    optimiser = torch.optim.AdamW(plain.parameters(), betas=(0.9, 0.99), weight_decay=decay, foreach=False, fused=False)
    for step in range(config.steps):
        optimiser.param_groups[0]["lr"] = config.lr * (0.5 + 0.5 * torch.cos(torch.tensor(torch.pi * step / config.steps)).item())
        optimiser.zero_grad()
        loss(plain).mean().backward()
        nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimiser.step()
    torch.testing.assert_close(found["weight"], plain.weight.detach(), rtol=1e-4, atol=1e-5)
    assert (plain.weight - NETWORKS[name].weight).abs().max() > 1e-3
