"""The corrections of classifier-free guidance against closed forms, invariances and hand-made numbers."""

import math

import pytest
import torch

from guidance import METHODS, branches
from guidance.diffusion import Prediction, alpha_sigma, from_eps, from_v, from_x, v_of
from guidance.methods.recfg import measure_ratios
from guidance.methods.tcfg import first_direction
from guidance.mixture import Mixture
from guidance.spaces import SPACES, dot, norm, parallel

LABEL = torch.zeros(1, dtype=torch.long)


def guided_in(space, cond, null, name, logsnr=0.0, shape=None, **options):
    """What a method makes of two predictions given as lists in `space`, in that same space."""
    cond, null = (torch.tensor([one], dtype=torch.float64).reshape(1, *(shape or (len(one),))) for one in (cond, null))
    z, level = torch.full_like(cond, 0.3), torch.full((1,), logsnr, dtype=torch.float64)
    make = {"x": from_x, "eps": from_eps, "v": from_v}[space]
    given = {False: make(z, cond, level), True: make(z, null, level)}
    roles = {"model": lambda z, logsnr, label: given[label is None]}
    found = METHODS[name](**options)(**roles)(z, level, LABEL)
    value = v_of(found.x, found.eps, level) if space == "v" else getattr(found, space)
    alpha, sigma = alpha_sigma(level, z)
    torch.testing.assert_close(alpha * found.x + sigma * found.eps, z)
    return value.flatten()


def close(found, expected):
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=1e-9)


def test_rescaling_gives_back_the_conditional_standard_deviation():
    cond, null = [1.0, -1.0, 3.0, 2.0], [0.0, 1.0, 1.0, -2.0]
    guided = guided_in("v", cond, null, "rescale", w=2.0, phi=1.0)
    assert guided.std().item() == pytest.approx(torch.tensor(cond).std().item(), rel=1e-6)
    plain = guided_in("v", cond, null, "classifier-free", w=2.0)
    torch.testing.assert_close(guided / plain, (guided / plain)[:1].expand(4))  # the same direction
    halfway = guided_in("v", cond, null, "rescale", w=2.0, phi=0.5)
    torch.testing.assert_close(halfway, (guided + plain) / 2)
    assert guided_in("v", [0.0, 0.0], [0.0, 0.0], "rescale", w=2.0, phi=1.0).isfinite().all(), "a prediction of zeros"


def test_a_static_threshold_cuts_and_a_dynamic_one_shrinks():
    cond, null = [2.0, 0.5, -1.0, 0.25], [0.0] * 4
    image = (1, 2, 2)
    close(guided_in("x", cond, null, "static-threshold", w=1.0, limit=1.5, shape=image), [1.5, 1.0, -1.5, 0.5])
    close(guided_in("x", cond, null, "dynamic-threshold", w=1.0, quantile=1.0, limit=1.0, shape=image), [1.0, 0.25, -0.5, 0.125])
    capped = guided_in("x", cond, null, "dynamic-threshold", w=1.0, quantile=1.0, limit=1.0, cap=1.0, shape=image)
    torch.testing.assert_close(capped, guided_in("x", cond, null, "static-threshold", w=1.0, limit=1.0, shape=image))
    inside = guided_in("x", [0.2, -0.1, 0.3, 0.0], null, "dynamic-threshold", w=1.0, limit=1.0, shape=image)
    close(inside, [0.4, -0.2, 0.6, 0.0])  # what lies within the range is left alone


def test_apg_drops_what_is_along_the_conditional_prediction_and_bounds_the_rest():
    cond, null, w = [3.0, 0.0], [1.0, -4.0], 2.0  # d = (2, 4): 2 along, 4 across
    off = {"radius": None, "momentum": 0.0}
    close(guided_in("x", cond, null, "apg", w=w, eta=0.0, **off), [3.0, 8.0])
    close(guided_in("x", cond, null, "apg", w=w, eta=0.5, **off), [3.0 + 2.0, 8.0])
    bounded = guided_in("x", cond, null, "apg", w=w, eta=0.0, radius=math.sqrt(20) / 4, momentum=0.0)
    close(bounded, [3.0, 2.0])  # d shrunk to a quarter
    free = guided_in("x", cond, null, "apg", w=w, eta=0.0, form="diffusers", **off)
    close(free, [1.0, -4.0 + 3 * 4.0])  # D_u + (1 + w) d'': the paper's but for d's part along, which is lost from D_c
    close(guided_in("x", cond, null, "apg", w=w, eta=0.0, form="comfyui", **off), [3.0, 12.0])  # one unit of w stronger


def test_the_momentum_of_apg_adds_up_over_calls_and_starts_anew():
    cond, null = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 0.0]])
    level = torch.zeros(1)
    z = torch.zeros(1, 2)
    model = lambda z, logsnr, label: from_x(z, null if label is None else cond, logsnr)  # noqa: E731
    method = METHODS["apg"](w=1.0, eta=1.0, radius=None, momentum=-0.5)
    for _ in range(2):  # a second closure remembers nothing of the first
        guided = method(model)
        along = [guided(z, level, LABEL).x[0, 0].item() for _ in range(3)]
        assert along == pytest.approx([1 + 1, 1 + 0.5, 1 + 0.75])


def test_cfg_zero_star_fits_the_unconditional_prediction_first():
    close(guided_in("v", [2.0, 2.0], [1.0, 0.0], "cfg-zero-star", w=1.0), [2.0, 4.0])  # s = 2: what is left is (0, 2)
    scaled = guided_in("v", [2.0, 2.0], [7.0, 0.0], "cfg-zero-star", w=1.0)
    close(scaled, [2.0, 4.0])  # the length of d_u does not matter
    close(guided_in("v", [2.0, 2.0], [0.0, 0.0], "cfg-zero-star", w=1.0), [4.0, 4.0])


def test_the_first_direction_is_that_of_the_singular_value_decomposition():
    g = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 30, 12, generator=g, dtype=torch.float64)
    b[:10] = a[:10] * 0.3 + 1e-6 * b[:10]  # nearly parallel, and a much longer
    b[10:12] = 0
    b[12:20] *= 50
    top = torch.linalg.svd(torch.stack([a, b], 1), full_matrices=False)[2][:, 0]
    found = first_direction(a, b)
    cosine = torch.cosine_similarity(found, top).abs()
    torch.testing.assert_close(cosine, torch.ones_like(cosine), rtol=0, atol=1e-9)


def test_tcfg_keeps_only_the_shared_direction_of_the_unconditional_prediction():
    assert torch.equal(guided_in("eps", [1.0, 1.0], [1.0, 1.0], "tcfg", w=3.0), torch.ones(2, dtype=torch.float64))
    close(guided_in("eps", [4.0, 0.0], [0.0, 1.0], "tcfg", w=1.0), [8.0, 0.0])  # v is (1, 0): d_u' = 0
    parallel_pair = guided_in("eps", [2.0, 4.0], [1.0, 2.0], "tcfg", w=1.0)
    torch.testing.assert_close(parallel_pair, guided_in("eps", [2.0, 4.0], [1.0, 2.0], "classifier-free", w=1.0))


def test_magnitude_aware_guidance_falls_with_the_size_of_the_update():
    close(guided_in("v", [1.0, 1.0], [1.0, 0.0], "mambo-g", w=2.0, decay=math.log(2)), [1.0, 1.0 + 2.0 / 2])  # r = 1: halved
    far = guided_in("v", [1.0, 3.0], [1.0, 0.0], "mambo-g", w=2.0, decay=math.log(2))
    close(far, [1.0, 3.0 + 2.0 * 3.0 / 8])


def test_the_angle_limited_prediction_keeps_its_length_and_turns_away():
    turned = guided_in("x", [2.0, 0.0], [1.0, -1.0], "adg", w=1.0)  # theta = 45 degrees: to +45
    close(turned, [math.sqrt(2), math.sqrt(2)])
    limited = guided_in("x", [2.0, 0.0], [1.0, -1.0], "adg", w=9.0, limit=math.pi / 3)
    close(limited, [1.0, math.sqrt(3)])
    back = guided_in("x", [2.0, 0.0], [1.0, -1.0], "adg", w=-1.0)
    close(back, [math.sqrt(2), -math.sqrt(2)])
    close(guided_in("x", [2.0, 0.0], [3.0, 0.0], "adg", w=4.0), [2.0, 0.0])  # parallel: nothing to turn away from


def test_energy_is_preserved():
    cond, null = [1.0, -1.0, 3.0, 2.0], [0.0, 1.0, 1.0, -2.0]
    guided = guided_in("x", cond, null, "ep-cfg", w=3.0)
    assert guided.norm().item() == pytest.approx(torch.tensor(cond).norm().item(), rel=1e-6)
    assert torch.cosine_similarity(guided, guided_in("x", cond, null, "classifier-free", w=3.0), dim=0).item() == pytest.approx(1)
    robust = guided_in("x", cond, null, "ep-cfg", w=3.0, low=25.0, high=75.0)
    assert not torch.allclose(robust, guided)


def test_frequency_decoupled_guidance_guides_coarse_and_fine_apart():
    cond, null = [1.0] * 16, [0.0] * 16  # a constant difference is all coarse
    flat = guided_in("x", cond, null, "fdg", w=4.0, scales=(1.0, 0.25), shape=(1, 4, 4))
    close(flat, [1.0 + 4.0 * 0.25] * 16)
    along = guided_in("x", cond, null, "fdg", w=4.0, scales=(1.0, 0.25), parallel_weights=(1.0, 0.5), shape=(1, 4, 4))
    close(along, [1.0 + 4.0 * 0.25 * 0.5] * 16)  # the difference is parallel to the prediction
    checked = [1.0 if (i + j) % 2 else -1.0 for i in range(4) for j in range(4)]  # a checkerboard is all fine
    fine = guided_in("x", checked, null, "fdg", w=4.0, scales=(1.0, 0.25), shape=(1, 4, 4))
    assert max(abs(a - 5.0 * b) for a, b in zip(fine.tolist(), checked)) < 0.5, "but for what the mirrored edge lets through"
    with pytest.raises(ValueError, match="fdg is for images"):
        guided_in("x", [1.0, 2.0], [0.0, 0.0], "fdg", w=1.0)


def test_measured_ratios_make_the_expected_update_of_recfg_small():
    mixture = Mixture(torch.tensor([[1.0, 0.0], [-1.0, 0.5]]), 0.2 * torch.eye(2).expand(2, 2, 2), torch.ones(2), torch.arange(2))
    levels = [-4.0, -1.0, 1.0, 4.0]
    ratios = measure_ratios(mixture, levels, 2, (2,), n=200)
    label = torch.arange(400) % 2
    z = torch.randn(400, 2, generator=torch.Generator().manual_seed(1))
    logsnr = torch.full((400,), -4.0)
    assert ratios(logsnr, label).shape == (400, 2)
    torch.testing.assert_close(ratios(logsnr + 0.3, label), ratios(logsnr, label))  # of the nearest level
    cond, null = branches(mixture, z, logsnr, [label, None])
    for c in (0, 1):
        own = label == c
        best = (cond.eps * null.eps)[own].mean(0) / (null.eps**2)[own].mean(0)
        torch.testing.assert_close(ratios(logsnr, label)[own][0], best, rtol=0.05, atol=0.05)
    one = METHODS["recfg"](w=2.0)(mixture, lambda logsnr, label: torch.ones(400, 2))(z, logsnr, label)
    torch.testing.assert_close(one.eps, METHODS["classifier-free"](w=2.0)(mixture)(z, logsnr, label).eps, rtol=1e-4, atol=1e-4)


def test_history_guidance_pushes_on_in_the_direction_of_the_last_move():
    preds = iter([1.0, 3.0, 3.0])
    model = lambda z, logsnr, label: from_x(z, torch.full_like(z, next(preds)), logsnr)  # noqa: E731
    guided = METHODS["higs"](w=2.0, decay=0.5, logsnr_min=None, logsnr_max=None)(model)
    z, level = torch.zeros(1, 2), torch.zeros(1)
    said = [guided(z, level, LABEL).x[0, 0].item() for _ in range(3)]
    assert said == pytest.approx([1.0, 3 + 2 * (3 - 1), 3 + 2 * (3 - 2)])  # the average goes 1, 2


@pytest.mark.parametrize("name", ["apg", "rescale", "cfg-zero-star", "tcfg", "mambo-g", "adg", "ep-cfg"])
def test_the_space_matters_where_the_arithmetic_is_not_linear(name):
    z, level, label = torch.full((1, 3), 0.3), torch.tensor([0.7]), LABEL
    null = from_x(z, torch.tensor([[-0.2, 0.1, 0.6]]), level)
    cond = from_x(z, torch.tensor([[0.5, -0.4, 0.9]]), level)
    model = lambda z, logsnr, label: null if label is None else cond  # noqa: E731
    options = {"apg": {"radius": 0.1}, "mambo-g": {"decay": 1.0}}.get(name, {})
    said = [METHODS[name](w=2.0, space=space, **options)(model)(z, level, label).x for space in SPACES]
    assert all((one - other).abs().max() > 1e-3 for one, other in zip(said, [*said[1:], said[0]]))
    with pytest.raises(ValueError, match="space must be one of x, eps, v"):
        METHODS[name](space="latent")


def test_linear_guidance_is_the_same_in_every_space():
    z, level = torch.full((1, 3), 0.3), torch.tensor([0.7])
    null, cond = (from_x(z, torch.tensor([x]), level) for x in ([-0.2, 0.1, 0.6], [0.5, -0.4, 0.9]))
    guided = METHODS["classifier-free"](w=2.0)(lambda z, logsnr, label: null if label is None else cond)(z, level, LABEL)
    for space, make in {"eps": from_eps, "v": from_v}.items():
        c, u = (v_of(one.x, one.eps, level) if space == "v" else one.eps for one in (cond, null))
        torch.testing.assert_close(make(z, c + 2 * (c - u), level).x, guided.x)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("rescale", {"phi": 1.5}, "phi must"),
        ("static-threshold", {"limit": 0.0}, "limit must"),
        ("dynamic-threshold", {"quantile": 0.0}, "quantile must"),
        ("dynamic-threshold", {"cap": 0.5}, "cap must"),
        ("apg", {"radius": 0.0}, "radius must"),
        ("apg", {"form": "mine"}, "form must"),
        ("mambo-g", {"decay": -1.0}, "decay must"),
        ("adg", {"limit": 4.0}, "limit must"),
        ("ep-cfg", {"low": 60.0, "high": 50.0}, "low must"),
        ("fdg", {"scales": (1.0, float("inf"))}, "scales must"),
        ("fdg", {"scales": (1.0,)}, "scales must"),
        ("fdg", {"parallel_weights": (1.0,)}, "parallel_weights must be 2"),
        ("higs", {"decay": 1.0}, "decay must"),
    ],
)
def test_an_option_that_cannot_be_is_named(name, options, words):
    with pytest.raises(ValueError, match=words):
        METHODS[name](**options)


def test_products_and_norms_are_per_sample():
    a, b = torch.randn(2, 5, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    for row in range(5):
        assert dot(a, b)[row].item() == pytest.approx((a[row] * b[row]).sum().item(), rel=1e-4)
        assert norm(a)[row].item() == pytest.approx(a[row].norm().item(), rel=1e-5)
    torch.testing.assert_close(dot(a - parallel(a, b), b).flatten(), torch.zeros(5), rtol=0, atol=1e-4)
    assert torch.equal(parallel(a, torch.zeros_like(a)), torch.zeros_like(a))


def test_what_a_model_says_beside_x_and_eps_stays():
    z, level = torch.zeros(1, 2), torch.zeros(1)
    fraction = torch.full((1, 2), 0.3)
    model = lambda z, logsnr, label: Prediction(z + (label is None), z, variance_fraction=fraction)  # noqa: E731
    for name in ("apg", "rescale", "cfg-zero-star", "tcfg", "mambo-g", "adg", "ep-cfg"):
        assert METHODS[name](w=1.0)(model)(z, level, LABEL).variance_fraction is fraction
