"""Three ways of conditioning on lambda, the half U-Net, and the weights a network may begin with."""

from copy import deepcopy

import huggingface_hub
import pytest
import timm
import torch
from safetensors.torch import save_file

from classifiers import Evaluator, Guide, HalfUNet, NoiseAware
from guidance.gradients import log_prob_gradient


def seeded(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().eval()


def z_and_levels(channels: int = 1, side: int = 8):
    z = torch.randn(3, channels, side, side, generator=torch.Generator().manual_seed(1))
    return z, torch.tensor([-4.0, 0.0, 4.0])


@pytest.mark.parametrize("arch", ["test_resnet", "test_vit", "test_convnext", "test_efficientnet", "test_mambaout"])
def test_film_begins_as_the_unconditioned_network_and_then_follows_each_rows_lambda(arch):
    film = seeded(lambda: NoiseAware(arch, 1, 10, 32, noise_conditioning="film"))
    unconditioned = seeded(lambda: NoiseAware(arch, 1, 10, 32, noise_conditioning="none"))
    z, logsnr = z_and_levels()
    torch.testing.assert_close(film(z, logsnr), unconditioned(z, logsnr))
    assert len(film.film.adapt) >= 4
    with torch.no_grad():
        for linear in film.film.adapt:
            linear.weight.normal_(0, 0.05, generator=torch.Generator().manual_seed(2))
    assert (film(z, logsnr) - film(z, -logsnr)).abs().amax(1)[[0, 2]].min() > 1e-3
    torch.testing.assert_close(film(z[1:], logsnr[1:]), film(z, logsnr)[1:], rtol=1e-4, atol=1e-5)


def test_a_network_that_is_not_conditioned_does_not_depend_on_lambda():
    net, (z, logsnr) = seeded(lambda: NoiseAware("test_resnet", 1, 10, 16, noise_conditioning="none")), z_and_levels()
    torch.testing.assert_close(net(z, logsnr), net(z, -logsnr), rtol=0, atol=0)
    with pytest.raises(ValueError, match="noise_conditioning must be one of channel, film, none"):
        NoiseAware("test_resnet", 1, 10, 16, noise_conditioning="unknown")


def test_every_part_of_film_learns():
    net, (z, logsnr) = seeded(lambda: NoiseAware("test_resnet", 1, 10, 16, noise_conditioning="film")), z_and_levels()
    torch.nn.init.ones_(net.film.adapt[0].weight)
    net(z, logsnr).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in net.film.adapt.parameters())
    assert net.film.mlp[0].weight.grad.abs().sum() > 0


def test_a_copy_of_a_conditioned_network_is_independent():
    net, (z, logsnr) = seeded(lambda: NoiseAware("test_resnet", 1, 10, 16, noise_conditioning="film")), z_and_levels()
    before = net(z, logsnr)
    copy = deepcopy(net)
    with torch.no_grad():
        for linear in copy.film.adapt:
            linear.bias.add_(1.0)
    assert (copy(z, logsnr) - before).abs().max() > 1e-3
    torch.testing.assert_close(net(z, logsnr), before, rtol=0, atol=0)


@pytest.mark.parametrize("shape", [(1, 8), (3, 16)])
def test_the_half_unet_listens_to_lambda_and_its_gradient_stays_in_its_row(shape):
    net = seeded(lambda: HalfUNet(shape[0], 10, shape[1], width=8, multipliers=(1, 2, 2), attention=(1,)))
    with torch.no_grad():  # residual branches begin at zero
        for name, value in net.named_parameters():
            value.normal_(0, 0.2, generator=torch.Generator().manual_seed(len(name))) if "conv2" in name else None
    z, logsnr = z_and_levels(*shape)
    assert net(z, logsnr).shape == (3, 10)
    assert (net(z, logsnr) - net(z, -logsnr)).abs().amax(1)[[0, 2]].min() > 1e-3
    label = torch.tensor([1, 2, 3])
    alone = torch.cat([log_prob_gradient(net, z[i : i + 1], logsnr[i : i + 1], label[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(log_prob_gradient(net, z, logsnr, label), alone, rtol=1e-4, atol=1e-6)
    assert net(torch.randn(2, shape[0], 4, 4), logsnr[:2]).shape == (2, 10), "smaller images are enlarged"
    with pytest.raises(ValueError, match=rf"size {shape[1]} is smaller than the images, 32 x 32: set size to 32 or more"):
        net(torch.randn(2, shape[0], 32, 32), logsnr[:2])
    with pytest.raises(ValueError, match="cannot be halved 2 times"):
        HalfUNet(1, 10, 6, multipliers=(1, 1, 1))


@pytest.mark.parametrize(("width", "multipliers"), [(8, (2, 4)), (50, (1, 2)), (96, (1,))])
def test_the_half_unet_takes_any_width_and_multipliers(width, multipliers):
    net, (z, logsnr) = seeded(lambda: HalfUNet(1, 10, 8, width, multipliers, attention=(0,))), z_and_levels()
    assert net(z, logsnr).shape == (3, 10)


def test_no_pixel_of_an_image_is_left_out():
    for net in (NoiseAware("test_resnet", 3, 10, 16), Evaluator("test_resnet", 3, 10, 16)):
        with pytest.raises(ValueError, match="size 16 is smaller than the images, 32 x 32: set size to 32 or more"):
            net(*((torch.randn(2, 3, 32, 32), torch.zeros(2)) if isinstance(net, NoiseAware) else (torch.randn(2, 3, 32, 32),)))


def test_attention_pooling_sees_where_things_are():
    net = seeded(lambda: HalfUNet(1, 10, 8, width=8, multipliers=(1,), attention=()))
    z = torch.zeros(1, 1, 8, 8)
    z[..., 3, 3] = 3.0
    moved = torch.roll(z, (2, 0), (-2, -1))
    assert (net(z, torch.zeros(1)) - net(moved, torch.zeros(1))).abs().max() > 1e-4


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_it_begins_with_weights_of_timm_whatever_the_channels_and_classes(tmp_path, kind):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        other = timm.create_model("test_resnet", num_classes=1000)
    file = tmp_path / f"weights.{kind}"
    save_file(other.state_dict(), file) if kind == "safetensors" else torch.save(other.state_dict(), file)
    net = seeded(lambda: NoiseAware("test_resnet", 1, 10, 16))
    head = net.network.get_classifier().weight.clone()
    net.begin_with(str(file))
    torch.testing.assert_close(net.network.layer2[0].conv1.weight, other.layer2[0].conv1.weight)
    assert net.network.get_classifier().weight.shape == head.shape, "the head is of our classes"
    assert net.network.conv1[0].weight.shape[1] == 2, "the image and lambda"


def test_weights_that_cannot_be_had_or_do_not_fit_are_refused_in_a_line(tmp_path, monkeypatch):
    net = NoiseAware("test_resnet", 1, 10, 16)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match=r"test_resnet are not on this machine and could not be fetched .*leave weights out"):
        net.begin_with("timm")
    file = tmp_path / "other.safetensors"
    save_file({"layer": torch.zeros(3)}, file)
    with pytest.raises(ValueError, match=r"other.safetensors holds no weights of test_resnet: it lacks conv1"):
        net.begin_with(str(file))

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    torch.save({"state_dict": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match=r"evil.pth is a pickle of more than weights, which could run code: it is not opened"):
        net.begin_with(str(tmp_path / "evil.pth"))
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("of", "arch", "options", "said"),
    [
        ("resnet34", "resnet18", {}, r"of something larger than resnet18: layer1\.2\."),
        ("test_vit", "test_vit", {"embed_dim": 128}, r"no weights of test_vit: its cls_token is \(1, 1, 128\), not \(1, 1, 64\)"),
        ("test_vit", "test_vit", {"depth": 9}, r"of something larger than test_vit: blocks\.\d\."),
        ("resnet18", "resnet34", {}, r"no weights of resnet34: it lacks layer1\.2\.conv1\.weight"),
    ],
)
def test_weights_of_another_architecture_are_refused(tmp_path, of, arch, options, said):
    file = tmp_path / "weights.safetensors"
    save_file(timm.create_model(of, **options).state_dict(), file)
    with pytest.raises(ValueError, match=said) as caught:
        NoiseAware(arch, 1, 10, 32).begin_with(str(file))
    assert "\n" not in str(caught.value)


def test_positions_are_fitted_to_another_size(tmp_path):
    file = tmp_path / "weights.safetensors"
    other = timm.create_model("test_vit", img_size=64)
    save_file(other.state_dict(), file)
    net = NoiseAware("test_vit", 1, 10, 32)
    assert net.network.pos_embed.shape != other.pos_embed.shape
    net.begin_with(str(file))
    torch.testing.assert_close(net.network.blocks[0].attn.qkv.weight, other.blocks[0].attn.qkv.weight)


def log_prob(classifier, z, logsnr, label):
    return classifier(z, logsnr).log_softmax(-1)[torch.arange(len(z)), label]


@pytest.mark.parametrize("options", [{}, {"temperature": 2.0}, {"softplus": 3.0}], ids=str)
@pytest.mark.parametrize("noise_conditioning", ["channel", "film"])
def test_a_guides_gradient_is_that_of_finite_differences(options, noise_conditioning):
    net = seeded(lambda: NoiseAware("test_resnet", 1, 10, 16, noise_conditioning=noise_conditioning)).double()
    guide, (z, logsnr), label = Guide(net, **options), z_and_levels(), torch.tensor([1, 5, 9])
    z, logsnr = z.double(), logsnr.double()
    gradient = log_prob_gradient(guide, z, logsnr, label)
    shift = torch.zeros_like(z)
    shift[:, 0, 3, 4] = 1e-6
    difference = (log_prob(guide, z + shift, logsnr, label) - log_prob(guide, z - shift, logsnr, label)) / 2e-6
    torch.testing.assert_close(gradient[:, 0, 3, 4], difference, rtol=1e-4, atol=1e-7)


def test_softplus_leaves_the_conditioning_on_lambda():
    net, (z, logsnr) = seeded(lambda: NoiseAware("test_resnet", 1, 10, 16, noise_conditioning="film")), z_and_levels()
    with torch.no_grad():
        for linear in net.film.adapt:
            linear.weight.normal_(0, 0.2, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(Guide(net, softplus=1e5)(z, logsnr), net(z, logsnr), rtol=1e-2, atol=1e-3)
    change = (net(z, logsnr) - net(z, -logsnr)).abs().max()
    assert change > 0.02, "else the comparison would say nothing"


def test_temperature_divides_the_logits_and_softplus_leaves_no_relu_behind():
    net, (z, logsnr) = seeded(lambda: NoiseAware("test_resnet", 1, 10, 16)), z_and_levels()
    torch.testing.assert_close(Guide(net, temperature=4.0)(z, logsnr), net(z, logsnr) / 4)
    smooth = Guide(net, softplus=3.0)
    assert not any(isinstance(one, torch.nn.ReLU) for one in smooth.modules())
    assert any(isinstance(one, torch.nn.ReLU) for one in net.modules()), "the classifier itself is as it was"
    torch.testing.assert_close(Guide(net, softplus=1e4)(z, logsnr), net(z, logsnr), rtol=1e-2, atol=1e-3)
    with pytest.raises(ValueError, match="no ReLU"):
        Guide(NoiseAware("test_vit", 1, 10, 32), softplus=3.0)
    with pytest.raises(ValueError, match="temperature must be positive"):
        Guide(net, temperature=0.0)


def test_a_normalised_gradient_has_one_length_a_row_and_the_same_direction():
    net, (z, logsnr), label = seeded(lambda: NoiseAware("test_resnet", 1, 10, 16)), z_and_levels(), torch.tensor([1, 5, 9])
    plain = log_prob_gradient(net, z, logsnr, label)
    one = log_prob_gradient(Guide(net, normalised=True), z, logsnr, label)
    sigma = (-logsnr).sigmoid().sqrt().view(-1, 1, 1, 1)
    torch.testing.assert_close((sigma * one).square().mean((1, 2, 3)).sqrt(), torch.ones(3))
    torch.testing.assert_close(torch.cosine_similarity(plain.flatten(1), one.flatten(1)), torch.ones(3))

    class Certain(torch.nn.Module):
        def forward(self, z, logsnr):
            return 0.0 * z.flatten(1)[:, :10]

    assert (log_prob_gradient(Guide(Certain(), normalised=True), z, logsnr, label) == 0).all(), "no direction, no step"
