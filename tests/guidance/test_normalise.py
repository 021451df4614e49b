"""Group normalisation by hand is torch's, in the layout of what it is given."""

import pytest
import torch
import torch.nn.functional as F

from guidance.backbones.normalise import GroupNorm, by_groups, modulated
from guidance.backbones.unet import UNet


def images(layout, dtype=torch.float32):
    h = torch.randn(3, 12, 5, 4, generator=torch.Generator().manual_seed(0)) * 2 + 1
    return h.to(dtype).contiguous(memory_format=layout)


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format], ids=str)
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("groups", [1, 4, 12])
def test_it_is_torchs(layout, affine, groups):
    layer = torch.nn.GroupNorm(groups, 12, affine=affine)
    if affine:
        torch.nn.init.normal_(layer.weight)
        torch.nn.init.normal_(layer.bias)
    h = images(layout)
    torch.testing.assert_close(by_groups(h, groups, layer.weight, layer.bias, layer.eps), layer(h), rtol=1e-5, atol=1e-5)


def test_images_stay_in_channels_last_and_bfloat16_is_normalised_in_float32():
    h = images(torch.channels_last, torch.bfloat16)
    found = by_groups(h, 4, None, None, 1e-5)
    assert found.dtype == torch.float32 and found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, F.group_norm(h.float(), 4), rtol=1e-5, atol=1e-5)


def test_on_a_cpu_and_with_gradients_it_is_torchs_to_the_bit():
    h, layer = images(torch.channels_last), GroupNorm(4, 12)
    assert torch.equal(layer(h), F.group_norm(h, 4, layer.weight, layer.bias, layer.eps))
    scale, shift = torch.randn(2, 3, 12, 1, 1)
    assert torch.equal(modulated(h, scale, shift), h * (1 + scale) + shift)


def test_weights_are_called_as_torchs_are():
    assert {"down.0.0.0.enter.0.weight", "leave.0.bias"} <= UNet(3, 10, width=8).state_dict().keys()
