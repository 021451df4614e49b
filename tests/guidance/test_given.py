"""A method on two given predictions is the method on a network that makes them; no diffusers is needed for that."""

from types import SimpleNamespace

import pytest
import torch
from worlds import mixture

from guidance import CHAINS, METHODS
from guidance.diffusion import v_of
from guidance.integrations.diffusers import GuidedNoisePred, carried, guided_noise_pred, process_at, refusal
from guidance.integrations.schedulers import Process

WORLD = mixture().float()
LABEL = torch.tensor([0, 1, 2, 1])
CHAIN = CHAINS["linear"]()


def scheduler(said="epsilon"):
    """What is read of a chain's scheduler."""
    return SimpleNamespace(config={"prediction_type": said}, alphas_cumprod=CHAIN.logsnrs.sigmoid())


def noise(seed=0):
    return torch.randn(4, WORLD.means.shape[1], generator=torch.Generator().manual_seed(seed))


def said(pred, kind, lam):
    return {"epsilon": pred.eps, "sample": pred.x, "v_prediction": v_of(pred.x, pred.eps, lam)}[kind]


PLANE = [name for name in carried() if "image" not in METHODS[name]().requires_model]


@pytest.mark.parametrize("kind", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("name", PLANE)
def test_the_exact_predictions_guided_are_the_guided_exact_model(name, kind):
    method = METHODS[name](w=1.5)
    step, guided = GuidedNoisePred(method, scheduler(kind)), method(WORLD)
    for t in (800, 500, 450, 200, 60):
        lam, z = CHAIN.logsnrs[t].float().expand(4), noise(t)
        cond, null = (said(WORLD(z, lam, label), kind, lam) for label in (LABEL, None))
        wanted = said(guided(z, lam, LABEL), kind, lam)
        assert torch.allclose(step(cond, null, z, t), wanted, atol=2e-4 * wanted.abs().max().item()), (name, t)


def test_the_methods_that_are_carried():
    """A change of this list is a change of what people can use."""
    names = "adaptive beta-cfg c2fg cached classifier-free limited-interval negative-window power-law scheduled adg apg"
    more = "cfg-zero-star dynamic-threshold ep-cfg fdg higs mambo-g momentum rescale static-threshold tcfg temperature"
    assert carried() == [*names.split(), *more.split()]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("classifier", "the role classifier"),
        ("cfg++", "decoupled_eps"),
        ("pag", "attention"),
        ("characteristic", "another z"),
        ("negative", "another class"),
        ("composed", "another class"),
        ("shrunk-noise", "noise_scale"),
        ("self-guidance", "another lambda"),
        ("particle-guidance", "not independent"),
    ],
)
def test_a_method_that_needs_more_is_refused_in_one_line(name, said):
    with pytest.raises(ValueError, match=said) as error:
        GuidedNoisePred(METHODS[name](), scheduler())
    assert (
        str(error.value).startswith(f"{name}: ") and "\n" not in str(error.value) and refusal(METHODS[name]()) == str(error.value)
    )


def test_adaptive_guidance_looks_at_some_rows_only_and_finds_them():
    method = METHODS["adaptive"](w=1.5)
    step, guided = GuidedNoisePred(method, scheduler()), method(WORLD)
    for t in (300, 100, 60, 20):  # sample 2 is left out after the first, 0 and 1 after the second
        lam, z = CHAIN.logsnrs[t].float().expand(4), noise(7) * (1 + torch.arange(4)[:, None])
        cond, null = (WORLD(z, lam, label).eps for label in (LABEL, None))
        assert torch.allclose(step(cond, null, z, t), guided(z, lam, LABEL).eps, atol=1e-5), t


def test_w_0_and_a_window_are_the_conditional_prediction():
    window = METHODS["apg"](w=2.0, logsnr_min=0.0)
    for method, t in ((METHODS["apg"](w=0.0), 100), (window, 900)):
        step = GuidedNoisePred(method, scheduler())
        assert not step.needs_null(t) and torch.equal(step(noise(2), None, noise(), t), noise(2))
    assert GuidedNoisePred(window, scheduler()).needs_null(50)
    assert not torch.equal(GuidedNoisePred(window, scheduler())(noise(2), noise(3), noise(), 50), noise(2))


def test_a_second_trajectory_does_not_remember_the_first():
    step = GuidedNoisePred(METHODS["apg"](w=3.0), scheduler())
    runs = [[step(noise(2), noise(3), noise(), t) for t in (900, 500, 100)] for _ in range(2)]
    assert all(torch.equal(*pair) for pair in zip(*runs))
    alone = GuidedNoisePred(METHODS["apg"](w=3.0), scheduler())(noise(2), noise(3), noise(), 500)
    assert not torch.allclose(runs[0][1], alone)  # it does remember the step before


def test_half_precision_a_learned_variance_and_channels_to_start_from_pass_through():
    method = METHODS["apg"](w=2.0)
    plain = guided_noise_pred(replaced := METHODS["tcfg"](w=2.0), noise(2), noise(3), noise(), 500, scheduler())
    variance, other = torch.cat([noise(2), noise(4)], 1), torch.cat([noise(3), noise(5)], 1)
    more = guided_noise_pred(replaced, variance, other, noise(), 500, scheduler())
    assert torch.equal(more, torch.cat([plain, noise(4)], 1))
    wider = guided_noise_pred(replaced, noise(2), noise(3), torch.cat([noise(), noise(6)], 1), 500, scheduler())
    assert torch.equal(wider, plain)
    half = GuidedNoisePred(method, scheduler())(*(value.half() for value in (noise(2), noise(3), noise())), 500)
    full = GuidedNoisePred(method, scheduler())(noise(2), noise(3), noise(), 500)
    assert half.dtype == torch.half and torch.allclose(half.float(), full, atol=2e-2)


def test_what_does_not_fit_is_refused():
    cfg, given = METHODS["classifier-free"](), (noise(), noise(), noise())
    with pytest.raises(ValueError, match="make one GuidedNoisePred"):
        guided_noise_pred(METHODS["apg"](), *given, 5, scheduler())
    with pytest.raises(ValueError, match="no timestep 1000"):
        guided_noise_pred(cfg, *given, 1000, scheduler())
    with pytest.raises(ValueError, match="unconditional prediction here"):
        guided_noise_pred(cfg, noise(), None, noise(), 5, scheduler())
    with pytest.raises(ValueError, match="neither a chain nor a flow"):
        guided_noise_pred(cfg, *given, 5, SimpleNamespace(config={}, sigmas=torch.ones(3)))
    with pytest.raises(ValueError, match="must be of one sample"):
        guided_noise_pred(cfg, noise()[..., None], noise()[..., None], noise(), 5, scheduler())
    with pytest.raises(ValueError, match="as many, or twice as many"):
        guided_noise_pred(cfg, *[torch.cat([noise()] * 3, 1)] * 2, noise(), 5, scheduler())
    with pytest.raises(ValueError, match="at one timestep"):
        process_at(scheduler(), torch.tensor([3, 4]))
    with pytest.raises(ValueError, match="predicts must be"):
        process_at(scheduler(), 5, "score")


@pytest.mark.parametrize("predicts", ["eps", "x", "v", "velocity", "reverse velocity"])
def test_a_prediction_and_back_again(predicts):
    process = Process(0.8, 0.7, predicts)
    pred = process.prediction(noise(), noise(2))
    assert torch.allclose(0.8 * pred.x + 0.7 * pred.eps, noise(), atol=1e-5)
    assert torch.allclose(process.output(pred), noise(2), atol=1e-5)
