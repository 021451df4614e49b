"""Group normalisation (Wu & He, arXiv 1803.08494) that keeps images in channels_last on a GPU."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class GroupNorm(nn.GroupNorm):
    """torch's; but images in channels_last, on a GPU and without gradients, by `by_groups`.

    torch's own kernel copies them into the other layout and leaves them there, and every convolution copies them back: on an H200
    that made the forward of a U-Net 1.4 times as long in tf32 and 1.6 times in bfloat16.
    """

    def forward(self, h: Tensor) -> Tensor:
        if h.is_cuda and not torch.is_grad_enabled() and h.ndim == 4 and h.is_contiguous(memory_format=torch.channels_last):
            return by_groups(h, self.num_groups, self.weight, self.bias, self.eps)
        return super().forward(h)


def by_groups(
    h: Float[Tensor, "b c y x"], groups: int, weight: Tensor | None, bias: Tensor | None, eps: float
) -> Float[Tensor, "b c y x"]:
    """Each group of channels of each image with mean 0 and variance 1, times weight plus bias; in float32, and in h's layout."""
    b, c, y, x = h.shape
    pixels = h.permute(0, 2, 3, 1).reshape(b, y * x, groups, c // groups)  # a view of channels_last
    variance, mean = torch.var_mean(pixels.float(), dim=(1, 3), correction=0)
    scale = (variance + eps).rsqrt()
    scale, shift = (each[:, :, None].expand(b, groups, c // groups).reshape(b, c) for each in (scale, -mean * scale))
    if weight is not None and bias is not None:
        scale, shift = scale * weight, torch.addcmul(bias, shift, weight)
    return torch.addcmul(shift[..., None, None], h, scale[..., None, None])


def modulated(h: Float[Tensor, "b c y x"], scale: Tensor, shift: Tensor) -> Float[Tensor, "b c y x"]:
    """h (1 + scale) + shift; on a GPU in one pass over the images."""
    return torch.addcmul(shift, h, 1 + scale) if h.is_cuda else h * (1 + scale) + shift
