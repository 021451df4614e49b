"""What is known of a lambda on the host is what the tensor holds, whatever was done with it."""

import pytest
import torch

from guidance.diffusion import alpha_sigma, from_eps
from guidance.level import at, copied, distinct_levels, level_of

Z = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def scales(logsnr: float) -> list[float]:
    return [torch.tensor(sign * logsnr).sigmoid().sqrt().item() for sign in (1, -1)]


@pytest.mark.parametrize("change", [lambda level: level.sub_(5), lambda level: level.clamp_(max=-3)], ids=["sub_", "clamp_"])
def test_a_lambda_changed_in_place_is_read_anew(change):
    level = at(2.0, Z)
    alpha_sigma(level, Z)
    change(level)
    assert distinct_levels(level) == [-3.0] == [level_of(copied(level))]
    assert [scale.flatten()[0].item() for scale in alpha_sigma(level, Z)] == pytest.approx(scales(-3.0))


def test_a_scale_that_a_caller_changed_is_not_the_next_callers():
    level = at(2.0, Z)
    alpha, _ = alpha_sigma(level, Z)
    assert alpha_sigma(level, Z)[0] is alpha, "made once"
    alpha *= 3
    assert alpha_sigma(level, Z)[0].flatten()[0].item() == pytest.approx(scales(2.0)[0])


def test_a_graph_may_be_built_on_scales_that_were_first_asked_for_in_inference_mode():
    level, z = at(2.0, Z), Z.clone().requires_grad_()
    with torch.inference_mode():
        alpha_sigma(level, Z)
    from_eps(z, 2 * z, level).x.sum().backward()
    assert z.grad is not None


def test_what_is_differentiated_by_lambda_knows_it():
    level = at(2.0, Z).requires_grad_()
    alpha_sigma(level, Z)[0].sum().backward()
    alpha, sigma = scales(2.0)
    torch.testing.assert_close(level.grad, torch.full((3,), alpha * sigma**2 / 2))
