"""What holds around a formula: outside a window, within a sampler's step, at the start of a trajectory, and on top of it all."""

import math

import pytest
import torch
from four_classes import LABEL, WORLD, points, said

from guidance import METHODS, SAMPLERS, CosineLogSNR, law_kit, sample
from guidance.control import later_call_of_step, step_start
from guidance.cost import NFE, count
from guidance.denoiser import branches
from guidance.diffusion import alpha_sigma
from guidance.scale import like

LEVELS = CosineLogSNR(-5.0, 5.0).grid(8)
RESCALED = ("classifier-free", "apg", "adg", "perp-neg", "skip-layer", "limited-interval", "classifier", "sag", "characteristic")
WEAK = ("skip-layer", "pag", "seg", "erg", "tpg", "self-guidance", "block-drop", "tsg")


@pytest.mark.parametrize("name", WEAK)
def test_classifier_free_guidance_stays_on_outside_the_window_of_a_weak_branch(name):
    """As in Stable Diffusion 3.5: its window is that of the weak branch."""
    kit = law_kit.make_kit(METHODS[name]) if name != "self-guidance" else law_kit.make_kit(METHODS["pag"])
    z, level, label = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.full((3,), -1.0), torch.arange(3)
    method = METHODS[name](w=2.0, null=0.75, logsnr_min=0.0, logsnr_max=3.0)
    with count(kit.denoiser) as counted:
        found = law_kit.guide(method, kit.roles, range(3))(z, level, label)
    plain = METHODS["classifier-free"](w=1.5)(kit.roles["model"])(z, level, label)
    torch.testing.assert_close(found.eps, plain.eps)
    assert counted.per_sample(3) == method.nfe([-1.0]) == NFE(denoiser_forward=2)
    alone = law_kit.guide(METHODS[name](w=2.0, logsnr_min=0.0, logsnr_max=3.0), kit.roles, range(3))(z, level, label)
    torch.testing.assert_close(alone.eps, kit.roles["model"](z, level, label).eps)
    assert METHODS[name](w=0.0, null=0.75, logsnr_min=0.0, logsnr_max=3.0).nfe([-1.0]) == NFE(denoiser_forward=1)


def test_both_stages_of_a_heun_step_are_guided_or_neither():
    """At an edge of the window the second stage keeps the decision of the first (arXiv 2404.07724's code decides per step)."""
    edge = (LEVELS[3] + LEVELS[4]).item() / 2
    calls = []

    def spy(z, logsnr, label):
        calls.append((round(logsnr[0].item(), 3), label is None))
        return WORLD(z, logsnr, label)

    guided = METHODS["classifier-free"](w=1.0, logsnr_max=edge)(spy)
    z = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    SAMPLERS["heun"]()(guided, z, LEVELS.double(), LABEL, lambda: pytest.fail("drawn"))
    null = [level for level, is_null in calls if is_null]
    assert len(null) == 2 * 4 and max(null) == round(LEVELS[4].item(), 3) > edge, "the step across the edge is guided as a whole"
    assert null.count(round(LEVELS[4].item(), 3)) == 1, "and the next step is not, though it starts at the same lambda"


def test_what_a_step_decides_is_told_to_calls_inside_it_alone():
    assert step_start(2.0) == 2.0
    with later_call_of_step(-1.0):
        assert step_start(2.0) == -1.0
    assert step_start(2.0) == 2.0


def test_apg_mix_is_classifier_free_until_its_start_while_momentum_gathers():
    method = METHODS["apg"](w=3.0, start=0.0, start_w=1.5, momentum=-0.5, eta=0.5, radius=None)
    guided, whole = method(WORLD), METHODS["apg"](w=3.0, momentum=-0.5, eta=0.5, radius=None)(WORLD)
    (z, early), (_, late) = points(-1.0), points(1.0)
    torch.testing.assert_close(guided(z, early, LABEL).eps, said("classifier-free", -1.0, w=1.5))
    whole(z, early, LABEL)
    torch.testing.assert_close(guided(z, late, LABEL).eps, whole(z, late, LABEL).eps)
    fresh = METHODS["apg"](w=3.0, momentum=-0.5, eta=0.5, radius=None)(WORLD)(z, late, LABEL).eps
    assert not torch.allclose(fresh, whole(z, late, LABEL).eps, atol=1e-3)


def test_the_axes_of_apg_are_those_of_its_norms_and_projections():
    kit = law_kit.make_kit(METHODS["apg"])
    z = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    cond, null = torch.randn(2, *z.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    level = torch.zeros(2, dtype=torch.float64)
    model = lambda z, logsnr, label: kit.world(z[:, :1, :1, :1].expand(2, 1, 8, 8), level, None)._replace(  # noqa: E731
        x=null if label is None else cond, eps=null if label is None else cond
    )
    found = METHODS["apg"](w=2.0, eta=0.25, radius=0.8, momentum=0.0, axes=(1,))(model)(z, level, LABEL[:2]).x
    update = cond - null
    update = update * (0.8 / update.square().sum(1, keepdim=True).sqrt()).clamp(max=1)
    unit = cond / cond.square().sum(1, keepdim=True).sqrt()
    along = (update * unit).sum(1, keepdim=True) * unit
    torch.testing.assert_close(found, cond + 2.0 * (update - 0.75 * along))
    with pytest.raises(ValueError, match="axes must be some of 1, 2"):
        METHODS["apg"](axes=(0, 1))


def test_cfg_zero_star_leaves_the_flow_where_it_is_at_first_and_evaluates_nothing():
    method = METHODS["cfg-zero-star"](w=2.0, zero_until=-1.0)
    assert method.nfe([-2.0, -1.5, -1.0, 3.0]) == NFE(denoiser_forward=4)
    z, level = points(-3.0)
    pred = method(lambda *called: pytest.fail("evaluated"))(z, level, LABEL)
    alpha, sigma = alpha_sigma(level, z)
    next_alpha, next_sigma = alpha_sigma(level + 1.0, z)
    moved = next_alpha * pred.x + next_sigma * pred.eps
    torch.testing.assert_close(alpha * pred.x + sigma * pred.eps, z)
    torch.testing.assert_close(moved / (next_alpha + next_sigma), z / (alpha + sigma))
    torch.testing.assert_close(said("cfg-zero-star", w=2.0, zero_until=-1.0), said("cfg-zero-star", w=2.0))
    still = [said("cfg-zero-star", -3.0, w=2.0, zero_until=-1.0, rescale=phi) for phi in (0.0, 0.7)]
    assert torch.equal(*still), "there is no conditional prediction to rescale to"


@pytest.mark.parametrize("name", RESCALED)
def test_every_method_may_be_rescaled_to_the_conditional_deviation(name):
    kit, level, label = law_kit.make_kit(METHODS[name]), torch.full((3,), 0.0), torch.arange(3)
    z = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    z, level = (z, level) if not kit.exact else (z.double(), level.double())
    window = {"logsnr_min": None, "logsnr_max": None}
    v = {}
    for phi in (0.0, 0.5, 1.0):
        with count(kit.denoiser) as counted:
            pred = law_kit.guide(METHODS[name](w=2.0, rescale=phi, **window), kit.roles, range(3))(z, level, label)
        assert counted.per_sample(3).denoiser_forward == METHODS[name](w=2.0).nfe_per_call.denoiser_forward, "no evaluation more"
        alpha, sigma = alpha_sigma(level, z)
        v[phi] = alpha * pred.eps - sigma * pred.x
    cond = branches(kit.roles["model"], z, level, [label])[0]
    expected = like((alpha * cond.eps - sigma * cond.x).flatten(1).std(1), z)
    deviation = {phi: like(value.flatten(1).std(1), z) for phi, value in v.items()}
    torch.testing.assert_close(deviation[1.0], expected)
    torch.testing.assert_close(v[0.5], (0.5 * expected / deviation[0.0] + 0.5) * v[0.0])
    assert not torch.allclose(deviation[0.0], expected, rtol=1e-3)


def test_rescaled_classifier_free_guidance_is_the_method_of_that_name():
    close = {"rtol": 1e-9, "atol": 1e-12}
    torch.testing.assert_close(said("classifier-free", w=3.0, rescale=0.7), said("rescale", w=3.0, phi=0.7), **close)
    made = [METHODS["classifier-free"](w=3.0, rescale=phi)(WORLD) for phi in (0.0, 0.7)]
    samples = [sample(one, SAMPLERS["ddim"](), LEVELS, LABEL, (2,), 0) for one in made]
    assert not torch.allclose(*samples, atol=1e-3)


def test_a_method_without_one_prediction_to_rescale_says_so():
    with pytest.raises(ValueError, match=r"rescale: cfg\+\+ moves z or renoises"):
        METHODS["cfg++"](rescale=0.5)
    with pytest.raises(ValueError, match="rescale needs the conditional prediction, which classifier-unconditional does not"):
        said("classifier-unconditional", roles=(WORLD,), w=1.0, rescale=0.5)
    with pytest.raises(ValueError, match="rescale needs the conditional prediction, of which null-from-classes"):
        METHODS["null-from-classes"](rescale=0.5)
    z, level = points()
    free = [METHODS["classifier-free"](w=1.0, rescale=phi)(WORLD)(z, level, None).eps for phi in (0.0, 0.5)]
    assert torch.equal(*free), "without a label there is no conditional prediction"
    with pytest.raises(ValueError, match="rescale must lie in"):
        METHODS["apg"](rescale=math.inf)
