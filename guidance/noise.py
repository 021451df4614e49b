"""The noise of samples: a function of (purpose, seed, sample, draw), the same in any batch, order, process and on any device."""

import math
import warnings
from collections.abc import Sequence
from functools import cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from guidance.normals import grouped, words_of
from guidance.philox import key, require_places, words

GROUP = 256  # numbers of a sample that are made at a time, or one draw if it is larger


class SampleNoise:
    """The noise of a batch: a call is the next draw, `at(k)` the draw k, whatever was drawn before.

    drawn: draws made so far, which is the number of the next; may be set. indices: of the samples, int64, on the device where the
    numbers are made; another batch's may be written into it, as into what a CUDA graph was captured with. On CUDA a Triton kernel
    makes the numbers; elsewhere, and where that fails, the CPU does and they are moved. ValueError for a seed or an index outside
    [0, 2^63) (for large samples: of fewer blocks than that).
    """

    def __init__(
        self,
        seed: int,
        indices: Sequence[int] | Int[Tensor, " b"],
        shape: Sequence[int],
        device: torch.device | str = "cpu",
        purpose: str = "sample",
    ):
        on_host = not isinstance(indices, Tensor) or indices.device.type == "cpu"
        given = indices if isinstance(indices, Tensor) else torch.tensor(list(indices), dtype=torch.int64)
        self.device, self.drawn, self.size = torch.device(device), 0, (len(given), *shape)
        self.numbers = math.prod(shape)
        self.group = max(1, GROUP // max(1, self.numbers))
        if on_host:  # what lies on a device is not read back
            known = indices.tolist() if isinstance(indices, Tensor) else indices
            require_places(known, self.group * words_of(self.numbers))
        self.on_device = self.device.type == "cuda" and kernel_agrees(self.device)
        where = self.device if self.on_device else torch.device("cpu")
        self.indices, self.key = given.to(where, torch.int64), key_on(where, purpose, seed)
        self.ready: tuple[tuple[int, bytes], Sequence[Tensor]] | None = None

    def __call__(self) -> Float[Tensor, "b *shape"]:
        """The next draw, (len(indices), *shape) float32."""
        self.drawn += 1
        return self.at(self.drawn - 1)

    def at(self, draw: int) -> Float[Tensor, "b *shape"]:
        """The draw of this number, (len(indices), *shape) float32."""
        if draw < 0:
            raise ValueError(f"a draw's number must be 0 or more, not {draw}")
        part, place = divmod(draw, self.group)
        if not self.on_device:
            return self._part(part)[place].to(self.device, copy=self.group > 1)  # one that is kept is nobody's to change
        from guidance.philox_kernel import normals

        return normals(self.key, self.indices, part, place, self.group, self.numbers).view(self.size)

    def _part(self, part: int) -> Sequence[Float[Tensor, "b *shape"]]:
        """The draws of a part on the CPU. Several are kept, until another part or other indices are asked for."""
        wanted = (part, self.indices.numpy().tobytes()) if self.group > 1 else None
        if wanted is None or self.ready is None or self.ready[0] != wanted:
            made = grouped(self.key, self.indices, part, self.group, self.numbers).view(self.group, *self.size).unbind()
            if wanted is None:
                return made
            self.ready = wanted, made
        return self.ready[1]


@cache
def key_on(device: torch.device, purpose: str, seed: int) -> Int[Tensor, "2"]:
    """A stream's key where the numbers are made, sent there once: a CUDA graph cannot be captured while something is sent."""
    with torch.inference_mode(False):
        return key(purpose, seed).to(device)


def uniform_labels(seed: int, indices: Sequence[int], classes: int) -> Int[Tensor, " b"]:
    """A class for each sample, uniform, a function of (seed, index): the rest of 63 bits, whose bias is below classes / 2^63."""
    require_places(indices, 1)
    return (words(key("labels", seed), torch.tensor(list(indices), dtype=torch.int64), 0, 1)[:, 0] & 2**63 - 1) % classes


def cpu_generator(purpose: str, seed: int) -> torch.Generator:
    """torch's own, for what is drawn as a whole: of any seed, but of 2^32 states, so that two seeds in 2^32 are the same."""
    return torch.Generator().manual_seed(int(words(key(purpose, seed), torch.tensor([0]), 0, 1)) & 2**32 - 1)


@cache
def kernel_agrees(device: torch.device) -> bool:
    """Whether Triton's kernel runs on this device and makes the CPU's numbers; RuntimeWarning, once, where it does not."""
    indices, probe, (group, numbers) = torch.tensor([7, 2**40, 8]), key("probe", 2**62 + 1), (2, 75)
    try:
        from guidance.philox_kernel import normals

        made = normals(probe.to(device), indices.to(device), 3, 1, group, numbers).cpu()
    except Exception as error:  # no Triton, no compiler for its launcher, a device it does not know
        why = f"{type(error).__name__}: {error}".splitlines()[0]
    else:
        if torch.allclose(made, grouped(probe, indices, 3, group, numbers)[1], rtol=1e-6, atol=0):
            return True
        why = "its numbers are not the CPU's"
    warnings.warn(f"noise for {device} is made on the CPU and moved: guidance.philox_kernel: {why}", RuntimeWarning, stacklevel=2)
    return False
