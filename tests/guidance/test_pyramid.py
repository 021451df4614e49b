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


def test_images_that_cannot_be_halved_so_often_are_refused():
    with pytest.raises(ValueError, match="levels is 4"):
        laplacian(torch.zeros(1, 1, 4, 4), 4)
