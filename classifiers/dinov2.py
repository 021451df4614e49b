"""DINOv2 (Oquab et al., arXiv 2304.07193) in timm's vision transformer, with Meta's own weights and resampling of positions."""

from collections.abc import Mapping

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH, OFFSET = 14, 0.1  # Meta adds 0.1 to the number of patches before it divides, against rounding in interpolate


def dinov2(arch: str, weights: Mapping[str, Tensor], size: int) -> nn.Module:
    """timm's `arch` without a head for images of size x size, a multiple of 14: its pooled output is the normalised class token.

    weights: Meta's state_dict, of images of 518: the grid of positions is resampled as Meta does (bicubic, no antialias,
    factor (side + 0.1) / 37), whereas timm's own way moves features by about 1 %. ValueError for weights of another network.
    """
    if size % PATCH:
        raise ValueError(f"size is {size}: DINOv2 takes a multiple of {PATCH}")
    network = timm.create_model(arch, num_classes=0, img_size=size)
    held = {name: tensor for name, tensor in weights.items() if name != "mask_token"}  # of the training alone
    try:
        held["pos_embed"] = positions(held["pos_embed"], size // PATCH)
        network.load_state_dict(held)
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"these are no weights of {arch}: {str(error).splitlines()[0]}") from error
    return network


def positions(embedding: Tensor, side: int) -> Tensor:
    """The positions (1, 1 + s * s, d) of a grid of s x s patches, for one of side x side."""
    token, grid = embedding[:, :1], embedding[:, 1:]
    old = round(grid.shape[1] ** 0.5)
    if old == side:
        return embedding
    square = grid.reshape(1, old, old, -1).permute(0, 3, 1, 2)
    factor = (side + OFFSET) / old
    new = F.interpolate(square, scale_factor=(factor, factor), mode="bicubic")
    return torch.cat([token, new.flatten(2).transpose(1, 2)], 1)
