"""The Laplacian pyramid puts together what it has taken apart, for images of any size."""

import pytest
import torch

from guidance.pyramid import laplacian, merged


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (7, 5), (32, 9)])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_it_is_put_together_exactly(size, levels):
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    parts = laplacian(images, levels)
    assert len(parts) == levels and parts[0].shape == images.shape
    torch.testing.assert_close(merged(parts), images, rtol=0, atol=1e-12)


def test_a_constant_is_coarse_alone_at_the_edges_too():
    fine, coarse = laplacian(torch.full((1, 1, 7, 5), 2.0), 2)
    torch.testing.assert_close(fine, torch.zeros(1, 1, 7, 5))
    torch.testing.assert_close(coarse, torch.full((1, 1, 4, 3), 2.0))


def test_it_is_the_pyramid_of_burt_and_adelson_as_kornia_computes_it():
    """Recorded outputs of kornia 0.8 (build_laplacian_pyramid), in float64; a 2 x 2 mean is 28 % away from the finest level."""
    i = torch.arange(8, dtype=torch.float64)
    fine, coarse = laplacian(((7 * i[:, None] + 3 * i + i[:, None] * i) % 11)[None, None], 2)
    edge = [-4.005870819091797, -1.1045589447021484, 1.7009849548339844, 4.568999767303467]
    edge += [-3.5184359550476074, -0.7029256820678711, 2.0313620567321777, 4.898921012878418]
    inside = [-1.5399117469787598, 3.4762492179870605, -2.476961374282837, 2.585448741912842]
    inside += [-3.388606548309326, 1.5421383380889893, -4.589760780334473, 0.34175825119018555]
    first, last = [3.5400390625, 4.654296875, 4.4189453125, 5.6298828125], [6.0205078125, 4.013671875, 4.45703125, 7.015625]
    close = {"rtol": 0, "atol": 1e-14}
    torch.testing.assert_close(fine[0, 0, [0, 2]], torch.tensor([edge, inside], dtype=torch.float64), **close)
    torch.testing.assert_close(coarse[0, 0, [0, 3]], torch.tensor([first, last], dtype=torch.float64), **close)


def test_images_that_cannot_be_halved_so_often_are_refused():
    with pytest.raises(ValueError, match="levels is 4"):
        laplacian(torch.zeros(1, 1, 4, 4), 4)
