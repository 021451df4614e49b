"""Is a field the gradient of anything? Only if its Jacobian is symmetric: the size of its antisymmetric part, by probes.

E || J v - J^T v ||^2 = || J - J^T ||_F^2 and E || J v ||^2 = || J ||_F^2 for v of random entries +-1 (Hutchinson, 1990).
Ho & Salimans (arXiv 2207.12598, section 3.2) argue that the difference of two learned scores is no classifier's gradient.
"""

import warnings
from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

Field = Callable[[Tensor], Tensor]  # z (b, *shape) -> (b, *shape), the rows of which do not meet


def asymmetry(field: Field, z: Float[Tensor, "b *shape"], probes: Iterable[Tensor]) -> Float[Tensor, " b"]:
    """|| (J - J^T) / 2 ||_F / || J ||_F of the field's Jacobian at each row of z: 0 if J is symmetric, 1 if antisymmetric.

    probes: tensors shaped as z of independent entries +-1; the relative error falls with the root of their number times the
    effective rank of J, so that a field of few directions wants more of them. A row whose Jacobian is zero has NaN.
    """
    antisymmetric = total = z.new_zeros(len(z))
    with torch.inference_mode(False), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):  # the other kernels have no forward mode
        z = z.detach().clone()
        for v in probes:
            with warnings.catch_warnings():  # torch's own forward mode uses what torch has deprecated
                warnings.simplefilter("ignore", FutureWarning)
                jv = torch.func.jvp(field, (z,), (v,))[1].detach()
            vj = torch.func.vjp(field, z)[1](v)[0].detach()
            antisymmetric = antisymmetric + (jv - vj).flatten(1).square().sum(1)
            total = total + jv.flatten(1).square().sum(1)
    return (antisymmetric / total).sqrt() / 2


def rademacher(z: Float[Tensor, "b *shape"], number: int, g: torch.Generator) -> list[Tensor]:
    """`number` probes for `asymmetry`, shaped as z."""
    return [(2 * torch.randint(2, z.shape, generator=g) - 1).to(z) for _ in range(number)]
