"""How a network of clean images is conditioned on lambda: by one more input channel, by FiLM on its stages, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn

from guidance.backbones.condition import lambda_frequencies

NOISE_CONDITIONING = ("channel", "film", "none")


class Film(nn.Module):
    """Scales and shifts the features of every stage of `network` by lambda (FiLM; Perez et al., arXiv 1709.07871).

    The stages are those that timm names in `feature_info`: of a convolutional network or a transformer, channels first or last.
    All scales begin at 1 and all shifts at 0. The network is called inside `with film.conditioned_on(logsnr):`.

    ValueError for a network that names no stages.
    """

    def __init__(self, network: nn.Module, width: int = 64):
        super().__init__()
        layers, widths = dict(network.named_modules()), {}
        for stage in getattr(network, "feature_info", None) or []:
            widths.setdefault(stage["module"], stage["num_chs"])
        if not widths or not set(widths) <= set(layers):
            raise ValueError("this network names no stages to condition on lambda: choose noise_conditioning=channel")
        self.register_buffer("frequencies", lambda_frequencies(width // 2))
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.adapt = nn.ModuleList(nn.Linear(width, 2 * count) for count in widths.values())
        for linear in self.adapt:
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)
        self._embedding: Tensor | None = None
        for index, name in enumerate(widths):  # a partial of a method is copied with its network, a closure would not be
            layers[name].register_forward_hook(partial(self._adapt, index))

    @contextmanager
    def conditioned_on(self, logsnr: Float[Tensor, " b"]) -> Iterator[None]:
        """While this lasts, the network's stages are conditioned on the lambda of each row."""
        angle = logsnr[:, None] * self.frequencies
        self._embedding = self.mlp(torch.cat([angle.sin(), angle.cos()], -1))
        try:
            yield
        finally:
            self._embedding = None

    def _adapt(self, index: int, module: nn.Module, inputs: tuple, features: Tensor) -> Tensor:
        scale, shift = self.adapt[index](self._embedding).chunk(2, -1)
        channels_first = features.ndim == 4 and features.shape[1] == scale.shape[-1]
        place = (..., None, None) if channels_first else (slice(None), *(None,) * (features.ndim - 2))
        return features * (1 + scale[place]) + shift[place]
