"""Networks of others: what the second argument of a network is, and what its output means, said by name. There is no guess.

    logsnr   (z, lambda, label)           what guidance.backbones and whatever is trained here take
    chain    (z, t, label)                t of a discrete chain, 0 (clean) to T - 1: DDPM, ADM, DiT
    sigma    (x + sigma eps, sigma, label)   Karras et al., arXiv 2206.00364, whose preconditioning is inside the network
    flow     ((1 - t) x + t eps, t, label)   rectified flow, Liu et al., arXiv 2209.03003; Stable Diffusion 3, Flux

Each makes a network to be given to NetworkDenoiser, as `NetworkDenoiser(adapters.chain(network, betas), num_classes)`. At lambda
the network is evaluated at the level of its own process that has as much noise for the data in it, at z scaled to that level:
z' = (s / sigma) z + a shift, where its z' = a (scale x + shift) + s eps. Every z is (b, *shape), lambda, t and label (b,). A null
label is the id `num_classes` of NetworkDenoiser.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.chains import Chain
from guidance.denoiser import CONDITIONED_ON
from guidance.diffusion import alpha_sigma

Levels = Callable[[Float[Tensor, " b"]], tuple[Tensor, Tensor, Tensor]]  # lambda -> a, s and the second argument, (b,) each
ON_THE_CHAIN = 0.01  # of a step: how far from a whole t a lambda that went through float32 may be


class Adapted(nn.Module):
    """A network of another convention as one that is conditioned on lambda and predicts x, eps or the v of NetworkDenoiser.

    chain: the chain that its lambdas are those of, None where it takes any; whole: whether it takes none between two levels.
    levels: lambda to the factors a of the data and s of the noise in the network's own z, and its second argument; float64.
    predicts: "eps", "x", "v" = a eps - s x, "velocity" = eps - x or "reverse velocity" = x - eps, of the network's own x.
    data_range: that of the network's data; x, whose range is [-1, 1], is mapped to it linearly and back. ValueError for a range
    that is none.
    """

    conditioned_on = CONDITIONED_ON
    chain: Chain | None = None
    whole: bool = False

    def __init__(self, network: Callable[..., Tensor], levels: Levels, predicts: str, data_range: tuple[float, float]):
        super().__init__()
        low, high = data_range
        if not low < high < math.inf or low == -math.inf:
            raise ValueError(f"data_range must be the ends (low, high) of the network's data, not {data_range}")
        self.network, self.levels, self.predicts = network, levels, predicts
        self.scale, self.shift = (high - low) / 2, (high + low) / 2
        self.output_target = predicts if predicts in ("eps", "x") else "v"

    def forward(
        self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Int[Tensor, " b"]
    ) -> Float[Tensor, "b *out"]:
        """What `output_target` says, of z at lambda; further channels (a learned variance) as they are."""
        data, noise, condition = self.levels(logsnr.double() - 2 * math.log(self.scale))
        a, s = (value.to(z.dtype).reshape(-1, *(1,) * (z.ndim - 1)) for value in (data, noise))
        alpha, sigma = alpha_sigma(logsnr, z)
        own_z = s / sigma * z + a * self.shift
        output = self.network(own_z, condition if condition.dtype == torch.long else condition.to(z.dtype), label)
        said, rest = output[:, : z.shape[1]], output[:, z.shape[1] :]
        if self.predicts == "x":
            said = (said - self.shift) / self.scale
        elif self.predicts != "eps":  # of_eps eps - of_x x, of the network's x: with its z two equations for x and eps
            shares: dict[str, tuple[Tensor | float, Tensor | float]]
            shares = {"v": (a, s), "velocity": (1.0, 1.0), "reverse velocity": (-1.0, -1.0)}
            of_eps, of_x = shares[self.predicts]
            x = (of_eps * own_z - s * said) / (a * of_eps + s * of_x)
            eps = (of_x * own_z + a * said) / (a * of_eps + s * of_x)
            said = alpha * eps - sigma * (x - self.shift) / self.scale
        return torch.cat([said, rest], 1) if rest.shape[1] else said


def logsnr(network: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The network itself, declared to take lambda second, as in `forward(z, logsnr, label)`; NetworkDenoiser's `target` says what
    it predicts.

    TypeError for one that declares something else, or that nothing can be declared of.
    """
    said = getattr(network, "conditioned_on", CONDITIONED_ON)
    if said != CONDITIONED_ON:
        raise TypeError(f"{_name(network)} declares conditioned_on = {said!r}: another adapter is the one for it")
    try:
        network.conditioned_on = CONDITIONED_ON  # type: ignore[attr-defined]  # of a module, or of a function
    except AttributeError:
        raise TypeError(f"network must be an nn.Module or a function, not {_name(network)}") from None
    return network


def chain(
    network: Callable[..., Tensor],
    betas: Chain | Float[Tensor, " T"],
    *,
    predicts: str = "eps",
    whole: bool = True,
    data_range: tuple[float, float] = (-1.0, 1.0),
) -> Adapted:
    """A network `(z, t, label)` of a discrete variance-preserving chain, t = 0 the least noise (Ho et al., arXiv 2006.11239).

    whole: t is given as int64, and a lambda between two levels is a ValueError (GRIDS["strided"] has none); False: as a float,
    whole or not, linear in lambda between two levels. predicts: "eps", "x" or "v". ValueError for a lambda off the chain.
    """
    levels = betas if isinstance(betas, Chain) else Chain(betas)

    def at(logsnr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        t = levels.t(_within(logsnr, levels))
        if whole:
            if (off := (t - t.round()).abs().max().item()) > ON_THE_CHAIN:
                raise ValueError(
                    f"logsnr lies {off:.2g} of a step off the chain's whole t: take a strided grid, or chain(whole=False)"
                )
            t = t.round().long()
        return logsnr.sigmoid().sqrt(), (-logsnr).sigmoid().sqrt(), t

    adapted = Adapted(network, at, _one_of(predicts, "eps", "x", "v"), data_range)
    adapted.chain, adapted.whole = levels, whole
    return adapted


def sigma(network: Callable[..., Tensor], *, predicts: str = "x", data_range: tuple[float, float] = (-1.0, 1.0)) -> Adapted:
    """A network `(x + sigma eps, sigma, label)`, variance exploding, sigma = e^(-lambda / 2) (Karras et al., arXiv 2206.00364).

    predicts: "x", as their denoiser D does, whose preconditioning is part of it, or "eps".
    """
    at = lambda logsnr: (torch.ones_like(logsnr), (-logsnr / 2).exp(), (-logsnr / 2).exp())  # noqa: E731
    return Adapted(network, at, _one_of(predicts, "x", "eps"), data_range)


def flow(
    network: Callable[..., Tensor],
    *,
    predicts: str = "velocity",
    data_at: int = 0,
    data_range: tuple[float, float] = (-1.0, 1.0),
) -> Adapted:
    """A network `((1 - t) x + t eps, t, label)` of a rectified flow (Liu et al., arXiv 2209.03003), t = 1 / (1 + e^(lambda / 2)).

    predicts: "velocity", the derivative of its z by its t, "x" or "eps". data_at: the t at which its z is data, 0 (Stable
    Diffusion 3, Flux; velocity eps - x) or 1 (Liu et al., Lipman et al.; z = t x + (1 - t) eps, velocity x - eps).
    """
    if data_at not in (0, 1):
        raise ValueError(f"data_at must be 0 or 1, the t at which z is data, not {data_at}")
    said = _one_of(predicts, "velocity", "x", "eps")

    def at(logsnr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        share = torch.sigmoid(-logsnr / 2)  # of noise
        return torch.sigmoid(logsnr / 2), share, share if data_at == 0 else torch.sigmoid(logsnr / 2)

    return Adapted(network, at, "reverse velocity" if said == "velocity" and data_at == 1 else said, data_range)


def _one_of(said: str, *known: str) -> str:
    if said not in known:
        raise ValueError(f"predicts must be {', '.join(known[:-1])} or {known[-1]}, not {said!r}")
    return said


def _within(logsnr: Tensor, levels: Chain) -> Tensor:
    """lambda, moved to the chain's ends where it is a millionth outside: it went through float32."""
    low, high = levels.logsnrs[-1].item(), levels.logsnrs[0].item()
    inside = logsnr.clamp(low, high)
    return torch.where((logsnr - inside).abs() < 1e-6 * (1 + inside.abs()), inside, logsnr)


def _name(network: object) -> str:
    return getattr(network, "__name__", type(network).__name__)
