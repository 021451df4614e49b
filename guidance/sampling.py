"""From a denoiser to samples: the noise, the grid and the loop put together once."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guidance.denoiser import Denoiser
from guidance.memory import keep_memory
from guidance.methods.method import Method
from guidance.methods.roles import require_instance
from guidance.noise import SampleNoise


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    sampler: Callable[..., Tensor],
    logsnrs: Float[Tensor, " steps"],
    label: Int[Tensor, " b"],
    shape: Sequence[int],
    seed: int,
    indices: Sequence[int] | Int[Tensor, " b"] | None = None,
    keep: bool = True,
) -> Float[Tensor, "b *shape"]:
    """Samples x (b, *shape) with labels `label`, on label's device; sample i is made of the noise of (seed, indices[i]).

    indices: which samples of the seed these are (0, 1, ... if None), so that a set may be made in parts. Memory for
    gradients is not kept; a classifier's own gradient is taken all the same. keep: lets the process keep the memory that it
    frees (guidance.memory), for good; False leaves the allocator alone. TypeError for an argument of another kind, such as a
    class in place of an instance.
    """
    require_instance("denoiser", denoiser)
    require_instance("sampler", sampler)
    if isinstance(denoiser, Method):
        raise TypeError(f"denoiser must be what a method makes of a model, as {_called(denoiser)}, not the method itself")
    if not (isinstance(label, Tensor) and label.ndim == 1 and not label.is_floating_point()):
        raise TypeError(f"label must be a tensor of one class for each sample, as {_labels(label)}")
    if not (isinstance(shape, Sequence) and all(isinstance(size, int) for size in shape)):
        raise TypeError(f"shape must be that of one sample, as (1, 28, 28), not {shape!r}")
    if keep:
        keep_memory()
    noise = SampleNoise(seed, range(len(label)) if indices is None else indices, shape, label.device)
    return sampler(denoiser, noise(), logsnrs, label, noise)


def own_noise(
    seed: int, indices: Sequence[int] | Int[Tensor, " b"], shape: Sequence[int], device: torch.device | str = "cpu"
) -> SampleNoise:
    """The role `noise` of a method for these samples: streams of theirs that no sampler draws from."""
    return SampleNoise(seed, indices, shape, device, "method")


def _called(method: Method) -> str:
    """How a method is given its roles, in one line."""
    return f"{type(method).__name__}(w={method.w:g})({', '.join(method.roles)})"


def _labels(label: object) -> str:
    """The right form of a label that is none, and what it is instead."""
    if isinstance(label, int):
        return f"torch.full((16,), {label}) for 16 samples of class {label}, not {label}"
    if isinstance(label, Sequence) and not isinstance(label, str):
        return f"torch.tensor({list(label)!r}), not a {type(label).__name__}"
    was = f"{label.dtype} of shape {tuple(label.shape)}" if isinstance(label, Tensor) else f"a {type(label).__name__}"
    return f"torch.tensor([0, 1, 2]), not {was}"
