"""Small changes of an image that leave its class: the evaluator learns that they do not matter."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def random_affine(
    x: Float[Tensor, "b c h w"], g: torch.Generator, degrees: float = 12.0, scale: float = 0.15, shift: float = 1 / 8
) -> Float[Tensor, "b c h w"]:
    """Each image turned, enlarged and shifted at random, uniformly up to the given bounds; its border is continued.

    degrees: of rotation either way; scale: share of the size; shift: share of the side, either way, in both directions.
    """
    angle, size, across, down = (2 * torch.rand(4, len(x), generator=g) - 1).unbind()
    angle, size = angle * math.radians(degrees), 1 + size * scale
    rows = [size * angle.cos(), -size * angle.sin(), 2 * shift * across, size * angle.sin(), size * angle.cos(), 2 * shift * down]
    grid = F.affine_grid(torch.stack(rows, -1).view(-1, 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)
