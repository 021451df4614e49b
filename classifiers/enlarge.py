"""Images at the side that a network takes: 8x8 digits are smaller than most networks' first stride."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def enlarge(images: Float[Tensor, "b c h w"], size: int) -> Float[Tensor, "b c size size"]:
    """`images` at size x size, pixels repeated. ValueError for larger ones: what is left out no gradient would reach."""
    height, width = images.shape[-2:]
    if max(height, width) > size:
        raise ValueError(f"size {size} is smaller than the images, {height} x {width}: set size to {max(height, width)} or more")
    return images if (height, width) == (size, size) else F.interpolate(images, size=(size, size), mode="nearest")
