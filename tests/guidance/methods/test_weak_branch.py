"""Guidance by a worse version of the model: against exact worlds, and against a network perturbed by hand."""

import math

import pytest
import torch

from guidance import METHODS, adapters, branches, law_kit
from guidance.backbones.perturb import BlurredQueries, IdentityAttention, Perturbation, RecordedAttention, blurred
from guidance.denoiser import Branch, NetworkDenoiser
from guidance.diffusion import alpha_sigma, from_eps
from guidance.mixture import Mixture
from guidance.sampling import own_noise
from guidance.scale import logsnr_at
from guidance.weak import gaussian_vector, parse_indices

WORLD = Mixture(
    torch.tensor([[1.0, 0.0], [-0.5, 0.8], [-0.5, -0.8]], dtype=torch.float64),
    torch.eye(2, dtype=torch.float64).repeat(3, 1, 1) * 0.2,
    torch.tensor([0.4, 0.3, 0.3]),
    torch.arange(3),
)
NETWORK = law_kit.network()  # a U-Net whose middle attends, for 8x8 images
LABEL = torch.arange(6) % 3


def points(logsnr=0.3):
    z = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return z, torch.full((6,), logsnr, dtype=torch.float64)


def images(logsnr=0.3):
    return torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.full((6,), logsnr)


def noise(shape=(1, 8, 8), seed=1):
    return own_noise(seed, range(6), shape)


def inside(perturbation, logsnr=0.3, label=LABEL):
    """The eps of the network asked with an alteration."""
    z, level = images(logsnr)
    return branches(NETWORK, z, level, [Branch(label, perturbation=perturbation)])[0].eps


def said(name, logsnr=0.3, roles=(), **options):
    z, level = images(logsnr)
    return METHODS[name](**options)(NETWORK, *roles)(z, level, LABEL).eps


def test_autoguidance_is_between_its_two_ends():
    z, level = points()
    weak = WORLD.widened(0.5)
    guided_eps = lambda share: METHODS["autoguidance"](w=1.5, share=share)(WORLD, weak)(z, level, LABEL).eps  # noqa: E731
    cond, bad, null = WORLD(z, level, LABEL).eps, weak(z, level, LABEL).eps, WORLD(z, level, None).eps
    torch.testing.assert_close(guided_eps(1.0), 2.5 * cond - 1.5 * bad)
    torch.testing.assert_close(guided_eps(0.25), 2.5 * cond - 1.5 * (0.25 * bad + 0.75 * null))


def test_the_weak_network_is_asked_for_the_same_label():
    z, level = points()
    twin = METHODS["autoguidance"](w=7.0)(WORLD, WORLD)(z, level, LABEL)
    torch.testing.assert_close(twin.eps, WORLD(z, level, LABEL).eps)  # the same errors: nothing to push away from


def test_independent_conditions_average_to_guidance_from_the_mean_class():
    z, level = points()
    z, level = z[:1].expand(3000, 2), level[:1].expand(3000)
    guided = METHODS["icg"](w=2.0)(WORLD, own_noise(0, range(3000), (2,)))
    first, second = (guided(z, level, torch.zeros(3000, dtype=torch.long)).eps for _ in range(2))
    each = torch.stack([WORLD(z[:1], level[:1], torch.tensor([c])).eps[0] for c in range(3)])
    expected = each[0] + 2.0 * (each[0] - each.mean(0))
    spread = 2.0 * each.std(0) / math.sqrt(3000)
    assert ((first.mean(0) - expected).abs() < 5 * spread).all()
    assert len(first.unique(dim=0)) == 3, "any of three classes, its own among them"
    assert not torch.equal(first, second), "drawn anew at every call"
    with pytest.raises(ValueError, match="has neither num_classes nor classes"):
        METHODS["icg"]()(lambda z, logsnr, label: WORLD(z, logsnr, label), own_noise(0, range(6), (2,)))(*points(), LABEL)


def test_a_gaussian_condition_does_not_depend_on_the_label():
    z, level = images()
    update = [
        METHODS["icg"](w=1.0, form="gaussian")(NETWORK, noise())(z, level, label).eps - 2 * NETWORK(z, level, label).eps
        for label in (LABEL, (LABEL + 1) % 3)
    ]
    torch.testing.assert_close(update[0], update[1], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(update[0], -NETWORK(z, level, None).eps, atol=1e-3)
    with pytest.raises(ValueError, match="layers cannot be perturbed"):
        METHODS["icg"](form="gaussian")(WORLD, noise())(*points(), LABEL)


def test_self_guidance_follows_the_derivative_by_the_lambda_of_conditioning():
    z, level = points()
    delta, w, h = 1e-4, 3.0, 1e-5
    guided_eps = lambda by: WORLD(z, level + by, LABEL).eps  # noqa: E731
    slope = (guided_eps(h) - guided_eps(-h)) / (2 * h)
    update = METHODS["self-guidance"](w=w, delta=delta)(WORLD)(z, level, LABEL).eps - guided_eps(0.0)
    torch.testing.assert_close(update, 2 * w * delta * slope, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "options", "perturbation"),
    [
        ("pag", {"layers": "0"}, IdentityAttention(layers=[0])),
        ("seg", {"layers": "all"}, BlurredQueries(layers=[0, 1, 2])),
        ("seg", {"layers": "1", "sigma": 0.5}, BlurredQueries(layers=[1], sigma=0.5)),
        ("skip-layer", {"blocks": "1,2", "logsnr_min": None, "logsnr_max": None}, Perturbation(skipped=[1, 2])),
        ("block-drop", {"share": 1.0}, Perturbation(skipped=[0, 1, 2, 3, 4])),
    ],
)
def test_the_model_is_pushed_away_from_itself_with_its_layers_perturbed(name, options, perturbation):
    z, level = images()
    roles = (noise(),) if name == "block-drop" else ()
    cond, weak, null = NETWORK(z, level, LABEL).eps, inside(perturbation), NETWORK(z, level, None).eps
    assert (cond - weak).abs().max() > 1e-3
    torch.testing.assert_close(said(name, roles=roles, w=2.0, **options), 3 * cond - 2 * weak, atol=1e-5, rtol=1e-4)
    with_null = cond + 2 * (cond - weak) + 2 * 0.5 * (cond - null)
    roles = (noise(),) if name == "block-drop" else ()
    torch.testing.assert_close(said(name, roles=roles, w=2.0, null=0.5, **options), with_null, atol=1e-5, rtol=1e-4)


def test_blocks_are_dropped_anew_for_each_sample_and_step():
    z, level = images()
    guided = METHODS["block-drop"](w=1.0, share=0.2)(NETWORK, noise())  # one of five
    one = z[:1].expand(6, 1, 8, 8)
    first, second = (guided(one, level, torch.zeros(6, dtype=torch.long)).eps for _ in range(2))
    assert 1 < len(first.unique(dim=0)) <= 5 and not torch.equal(first, second)


def test_skip_layer_guides_early_alone():
    method = METHODS["skip-layer"]()
    assert [method.acts(logsnr_at(p)) for p in (0.005, 0.05, 0.19, 0.3)] == [False, True, True, False]


def test_time_step_guidance_fades_with_the_noise():
    far = [
        (said("tsg", logsnr_at(p), roles=(noise(),), w=1.0) - NETWORK(*images(logsnr_at(p)), LABEL).eps).norm()
        for p in (0.1, 0.9)
    ]
    assert far[0] > 4 * far[1] > 0
    z, level = images(logsnr_at(0.1))
    unlabelled = METHODS["tsg"](w=1.0)(NETWORK, noise())(z, level, LABEL).eps
    twice = METHODS["tsg"](w=2.0)(NETWORK, noise())(z, level, LABEL).eps
    cond = NETWORK(z, level, LABEL).eps
    torch.testing.assert_close(twice - cond, 2 * (unlabelled - cond), atol=1e-5, rtol=1e-4)


def test_self_attention_guidance_asks_about_z_with_the_detail_blurred_away():
    z, level = images()
    cond = NETWORK(z, level, LABEL)
    alpha, sigma = alpha_sigma(level, z)

    def expected(where):
        less = alpha * torch.where(where, blurred(cond.x, 1.0), cond.x) + sigma * cond.eps
        weak = NETWORK(less, level, LABEL).eps
        return cond.eps + 2.0 * (cond.eps - weak)

    everywhere = torch.ones_like(z, dtype=torch.bool)
    torch.testing.assert_close(said("sag", w=2.0, threshold=-1.0), expected(everywhere), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(said("sag", w=2.0, threshold=64.0), cond.eps, atol=1e-4, rtol=1e-4)
    recorded = RecordedAttention(layers=[1])
    inside(recorded)
    where = recorded.attention[0].repeat_interleave(2, 1).repeat_interleave(2, 2)[:, None] > 1.0
    assert 0 < where.float().mean() < 1
    torch.testing.assert_close(said("sag", w=2.0), expected(where), atol=1e-5, rtol=1e-4)


def test_an_annealed_condition_is_noise_at_first_and_whole_at_last():
    late = logsnr_at(0.5)  # t = 0.5, below tau1
    plain = METHODS["classifier-free"](w=1.5)(NETWORK)(*images(late), LABEL).eps
    torch.testing.assert_close(said("cads", late, roles=(noise(),), w=1.5), plain, atol=1e-5, rtol=1e-4)
    z, level = images(logsnr_at(0.05))  # t = 0.95, above tau2
    first, other = (METHODS["cads"](w=1.5, psi=0.0)(NETWORK, noise())(z, level, one).eps for one in (LABEL, (LABEL + 1) % 3))
    torch.testing.assert_close(first, other)  # nothing of the label is left
    assert not torch.allclose(first, NETWORK(z, level, LABEL).eps, atol=1e-3)
    middle = logsnr_at(0.25)  # t = 0.75: half-way
    assert not torch.allclose(said("cads", middle, roles=(noise(),), w=1.5), said("cads", middle, roles=(noise(seed=2),), w=1.5))


def test_as_many_numbers_are_drawn_as_are_asked_for():
    drawn = gaussian_vector(noise((5,)), 12)
    assert drawn.shape == (6, 12) and len(drawn.flatten().unique()) == 72
    again = gaussian_vector(own_noise(1, range(2, 4), (5,)), 12)
    assert torch.equal(drawn[2:4], again), "a sample's numbers are its own"


def test_layers_are_named_by_place():
    assert parse_indices("middle", 3) == [1] and parse_indices("all", 3) == [0, 1, 2] and parse_indices("0, 2", 3) == [0, 2]
    with pytest.raises(ValueError, match='"middle", "all" or indices'):
        parse_indices("last", 3)
    with pytest.raises(ValueError, match="no such layers"):
        parse_indices("middle", 0)
    with pytest.raises(ValueError, match="0 to 2: there is no 7"):
        said("pag", layers="7")


def test_a_network_that_cannot_be_perturbed_is_refused():
    class Bare(torch.nn.Module):
        def forward(self, z, logsnr, label):
            return z

    for name, roles in (("pag", ()), ("seg", ()), ("sag", ()), ("skip-layer", ()), ("tsg", (noise(),)), ("cads", (noise(),))):
        method = METHODS[name](logsnr_min=None, logsnr_max=None)
        with pytest.raises(ValueError, match="layers cannot be perturbed"):
            method(NetworkDenoiser(adapters.logsnr(Bare()), 3), *roles)(*images(), LABEL)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("icg", {"form": "classes"}, "form must be one of"),
        ("tsg", {"scale": 0.0}, "scale must be positive"),
        ("self-guidance", {"delta": -1.0}, "delta must be above -1"),
        ("seg", {"sigma": 0.0}, "sigma must be positive"),
        ("sag", {"sigma": -1.0}, "sigma must be positive"),
        ("block-drop", {"share": 0.0}, "share must lie in"),
        ("cads", {"tau1": 0.9, "tau2": 0.6}, "tau1 <= tau2"),
        ("cads", {"psi": 2.0}, "psi must lie in"),
    ],
)
def test_options_that_cannot_be_are_refused(name, options, words):
    with pytest.raises(ValueError, match=words):
        METHODS[name](**options)


def test_the_output_conditioned_on_another_level_is_converted_at_z_as_it_is():
    z, level = images()
    (pred,) = branches(NETWORK, z, level, [Branch(LABEL, logsnr_cond=level - 0.5)])
    expected = from_eps(z, NETWORK.network(z, level - 0.5, LABEL), level)
    torch.testing.assert_close(pred.x, expected.x)
