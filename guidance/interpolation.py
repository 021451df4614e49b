"""Between two latents: the spherical interpolation of DDIM (Song, Meng & Ermon, arXiv 2010.02502, appendix D.5)."""

import torch
from jaxtyping import Float
from torch import Tensor


def slerp(
    first: Float[Tensor, "*shape"], second: Float[Tensor, "*shape"], shares: Float[Tensor, " n"]
) -> Float[Tensor, "n *shape"]:
    """(sin((1 - s) t) first + sin(s t) second) / sin t for every share s, t being the angle between the two.

    It keeps the length of a Gaussian latent, which a straight line would shorten in the middle. ValueError if the two point
    in one direction or in opposite ones, where there is no such arc.
    """
    angle = torch.arccos((first * second).sum() / (first.norm() * second.norm()))
    if not angle.sin() > 1e-4:
        raise ValueError("first and second must not be parallel: the arc between them is not defined")
    shares = shares.reshape(-1, *(1,) * first.ndim)
    return (((1 - shares) * angle).sin() * first + (shares * angle).sin() * second) / angle.sin()
