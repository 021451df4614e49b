"""Pretrained networks as features: what goes in, which layer comes out, and which files are refused."""

import pytest
import timm
import torch
import torch.nn.functional as F
from jaxtyping import TypeCheckError
from safetensors.torch import save_file

from classifiers.dinov2 import dinov2, positions
from classifiers.preprocess import prepared
from classifiers.pretrained import Pretrained, build, head_rows, in_order

HALF = (0.5, 0.5, 0.5)
REFUSED = (ValueError, TypeCheckError)  # a dtype is also refused by jaxtyping, where the suite switches it on


@pytest.fixture
def images():
    return torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_grey_is_repeated_and_bytes_are_standardised(images):
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 2.0)
    x = prepared(images, 8, "bicubic", mean, std)
    for c in range(3):
        assert torch.allclose(x[:, c], (images[:, c] / 255 - mean[c]) / std[c], atol=1e-6)
    grey = prepared(images[:, :1], 8, "bicubic", HALF, HALF)
    assert torch.equal(grey, prepared(images[:, :1].repeat(1, 3, 1, 1), 8, "bicubic", HALF, HALF)) and grey.max() > 0.9
    with pytest.raises(REFUSED, match="give uint8|Expected type: <class 'UInt8"):
        prepared(images.float(), 8, "bicubic", HALF, HALF)
    with pytest.raises(ValueError, match="1 or 3"):
        prepared(images[:, :2], 8, "bicubic", HALF, HALF)


def test_smaller_images_are_averaged_over_and_not_picked_from(images):
    """With antialias a checkerboard at a third of its size is grey; without, every third pixel is taken, black or white."""
    board = ((torch.arange(24)[:, None] + torch.arange(24)) % 2 * 255).to(torch.uint8).expand(1, 1, 24, 24)
    for interpolation in ("bicubic", "bilinear"):
        assert (prepared(board, 8, interpolation, HALF, HALF)[..., 2:-2, 2:-2].abs() < 0.3).all()
    assert (prepared(board, 8, "nearest", HALF, HALF).abs() > 0.9).all()


def test_the_pooled_layer_and_the_logits_are_those_of_timm(images):
    network = build("test_resnet", 16, None, seed=3)
    extractor = Pretrained(network, 16, "bilinear", HALF, HALF)
    features, logits = extractor(images)
    x = prepared(images, 16, "bilinear", HALF, HALF)
    with torch.no_grad():
        assert torch.allclose(logits, network(x), atol=1e-6)
        assert torch.allclose(features, network.forward_features(x).mean((2, 3)), atol=1e-6)
    assert not any(parameter.requires_grad for parameter in extractor.parameters()) and not network.training


def test_another_layer_is_another_map_and_the_logits_are_the_same(images):
    network = build("test_resnet", 32, None)
    whole, inner = (Pretrained(network, 32, "bilinear", HALF, HALF, layer)(images) for layer in (None, 1))
    assert torch.allclose(whole[1], inner[1], atol=1e-6) and whole[0].shape != inner[0].shape
    maps = network.forward_intermediates(prepared(images, 32, "bilinear", HALF, HALF), indices=[1], intermediates_only=True)
    assert torch.allclose(inner[0], maps[0].mean((2, 3)), atol=1e-6)


def test_random_weights_are_of_their_seed_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    first, again, other = (build("test_resnet", 16, None, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    name = "conv1.0.weight" if "conv1.0.weight" in first else next(key for key in first if key.endswith("weight"))
    assert torch.equal(first[name], again[name]) and not torch.equal(first[name], other[name])


def test_a_file_brings_its_head_or_none(images, tmp_path):
    state = build("test_resnet", 16, None, seed=5).state_dict()
    file = tmp_path / "whole.safetensors"
    save_file(state, file)
    features, logits = Pretrained(build("test_resnet", 16, file), 16, "bicubic", HALF, HALF)(images)
    source = Pretrained(build("test_resnet", 16, None, seed=5), 16, "bicubic", HALF, HALF)(images)
    assert torch.equal(features, source[0]) and torch.equal(logits, source[1])
    seven = {**state, "fc.weight": torch.randn(7, state["fc.weight"].shape[1]), "fc.bias": torch.zeros(7)}
    save_file(seven, tmp_path / "seven.safetensors")
    found = Pretrained(build("test_resnet", 16, tmp_path / "seven.safetensors"), 16, "bicubic", HALF, HALF)(images)
    assert torch.allclose(found[1], features @ seven["fc.weight"].T, atol=1e-5), "a head of seven classes, not a random one"
    bare = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
    save_file(bare, tmp_path / "bare.safetensors")
    found, none = Pretrained(build("test_resnet", 16, tmp_path / "bare.safetensors"), 16, "bicubic", HALF, HALF)(images)
    assert torch.equal(found, features) and none is None
    assert head_rows("test_resnet", seven) == 7 and head_rows("test_resnet", bare) == 0
    with pytest.raises(ValueError, match="holds no weights of test_byobnet"):
        build("test_byobnet", 16, file)


def test_tensors_in_order_must_fit_one_by_one():
    state = timm.create_model("test_resnet").state_dict()
    renamed = {f"x{i}.{name.rpartition('.')[2]}": tensor for i, (name, tensor) in enumerate(state.items())}
    found = in_order("test_resnet", renamed).state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
    swapped = dict(reversed(renamed.items()))
    pairs = list(renamed.items())
    i = next(i for i, (name, _) in enumerate(pairs) if name.endswith("bias"))  # of a norm: its weight has the same shape
    assert pairs[i - 1][1].shape == pairs[i][1].shape
    pairs[i - 1], pairs[i] = pairs[i], pairs[i - 1]
    for wrong in (swapped, dict(list(renamed.items())[1:]), dict(pairs)):
        with pytest.raises(ValueError, match="are not those of timm's test_resnet"):
            in_order("test_resnet", wrong)


def test_positions_are_resampled_by_metas_factor():
    """The formula by hand on one row: (side + 0.1) / old, not side / old, which torch takes where a size is given."""
    embedding = torch.randn(1, 1 + 37 * 37, 4, generator=torch.Generator().manual_seed(0))
    found = positions(embedding, 16)
    grid = embedding[:, 1:].reshape(1, 37, 37, 4).permute(0, 3, 1, 2)
    plain = F.interpolate(grid, size=(16, 16), mode="bicubic").flatten(2).transpose(1, 2)
    exact = F.interpolate(grid, scale_factor=16.1 / 37, mode="bicubic").flatten(2).transpose(1, 2)
    assert found.shape == (1, 257, 4) and torch.equal(found[:, :1], embedding[:, :1])
    assert torch.allclose(found[:, 1:], exact) and (found[:, 1:] - plain).abs().max() > 0.01
    assert positions(embedding, 37) is embedding


def test_dinov2_takes_metas_names_and_a_multiple_of_14():
    arch = "vit_small_patch14_dinov2"
    state = timm.create_model(arch, num_classes=0).state_dict() | {"mask_token": torch.zeros(1, 384)}
    network = Pretrained(dinov2(arch, state, 28), 28, "bicubic", HALF, HALF)
    features, logits = network(torch.zeros(2, 1, 28, 28, dtype=torch.uint8))
    assert features.shape == (2, 384) and logits is None
    with pytest.raises(ValueError, match="multiple of 14"):
        dinov2(arch, state, 30)
    with pytest.raises(ValueError, match="no weights of vit_small_patch14_dinov2"):
        dinov2(arch, {name: tensor for name, tensor in state.items() if name != "norm.weight"}, 28)
    with pytest.raises(ValueError, match="no weights"):
        dinov2(arch, {}, 28)
