"""The laws of guidance, each a function of a method: test_laws holds every method to them, test_mutants breaks them."""

import torch
from worlds import SCHEDULE, mixture, networks, noise

from guidance import SAMPLERS, Clipped, CosineLogSNR, count, sample
from guidance.diffusion import alpha_sigma

W = 1.5
LEVELS = CosineLogSNR(-5.0, 5.0).grid(4)  # a wider range would saturate what an untrained network makes


def guide(method, model, classifier):
    """The guided denoiser, given the roles it declares."""
    return method(**{role: {"model": model, "classifier": classifier}[role] for role in method.roles})


def samples(denoiser, n: int, sampler: str = "ancestral", first: int = 0):
    indices = range(first, first + n)
    return sample(Clipped(denoiser), SAMPLERS[sampler](), LEVELS, torch.tensor(indices) % 3, (1, 8, 8), 3, indices)


def trajectory(method, n: int, sampler: str = "ancestral", first: int = 0):
    return samples(guide(method, *networks()), n, sampler, first)


def plain(n: int, sampler: str):
    return samples(networks()[0], n, sampler)


def w_zero_is_the_conditional_model(kind):
    for sampler in SAMPLERS:
        assert torch.equal(trajectory(kind(w=0.0), 5, sampler), plain(5, sampler))
        same = torch.allclose(trajectory(kind(w=W), 5, sampler), plain(5, sampler), atol=1e-3)
        assert same == (only_the_noise(kind) and not SAMPLERS[sampler]().stochastic), sampler


def only_the_noise(kind) -> bool:
    """Whether the method believes what the model believes, and asks for other noise."""
    model, classifier = networks()
    z, logsnr, label = noise(5)(), torch.zeros(5), torch.arange(5) % 3
    plain, guided = (denoiser(z, logsnr, label) for denoiser in (model, guide(kind(w=W), model, classifier)))
    return guided.noise_scale != plain.noise_scale and torch.equal(guided.x, plain.x) and torch.equal(guided.eps, plain.eps)


def exact_guidance_is_the_tilted_score(kind):
    """eps = -sigma grad [log p(z|c) + w log p(c|z)] with the exact mixture as model and classifier, at every lambda."""
    world = mixture()
    z = 2 * torch.randn(64, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    label = torch.arange(64) % 3
    for value in (-20.0, -4.0, 0.0, 3.0, 8.0, 20.0):
        logsnr = torch.full((64,), value, dtype=torch.float64)
        leaf = z.clone().requires_grad_()
        log_class = world.class_logits(leaf, logsnr).log_softmax(-1)[torch.arange(64), label]
        tilted = world.log_prob(leaf, logsnr, label) + W * log_class
        score = torch.autograd.grad(tilted.sum(), leaf)[0]
        _, sigma = alpha_sigma(logsnr, z)
        guided = guide(kind(w=W), world, world.class_logits)(z, logsnr, label)
        torch.testing.assert_close(guided.eps, -sigma * score, rtol=1e-6, atol=1e-8)


def prediction_is_consistent(kind):
    """z = alpha x + sigma eps also after guidance: a linear method is the same method in x, eps and v."""
    world = mixture()
    z = torch.randn(32, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for value in (-6.0, 0.0, 6.0):
        logsnr = torch.full((32,), value, dtype=torch.float64)
        guided = guide(kind(w=W), world, world.class_logits)(z, logsnr, torch.arange(32) % 3)
        alpha, sigma = alpha_sigma(logsnr, z)
        torch.testing.assert_close(alpha * guided.x + sigma * guided.eps, z, rtol=1e-9, atol=1e-9)


def sample_ignores_its_batch(kind):
    whole = trajectory(kind(w=W), 6)
    parts = torch.cat([trajectory(kind(w=W), 1), trajectory(kind(w=W), 2, first=1), trajectory(kind(w=W), 3, first=3)])
    torch.testing.assert_close(whole, parts, rtol=0, atol=2e-4)


def trajectory_has_no_memory(kind):
    """A second closure of the same method does what the first did: state lives in the closure, for one trajectory."""
    method = kind(w=W)
    assert torch.equal(trajectory(method, 3), trajectory(method, 3))


def counted_cost_is_the_formula(kind):
    for w in (0.0, W):
        for sampler in SAMPLERS:
            method, (model, classifier), draws, steps = kind(w=w), networks(), noise(5), SAMPLERS[sampler]()
            guided = Clipped(guide(method, model, classifier))
            with torch.no_grad(), count(model.network, classifier) as counted:
                steps(guided, draws(), SCHEDULE.grid(7), torch.arange(5) % 3, draws)
            assert counted.per_sample(5) == method.nfe(steps.calls(7))


LAWS = [
    w_zero_is_the_conditional_model,
    prediction_is_consistent,
    sample_ignores_its_batch,
    trajectory_has_no_memory,
    counted_cost_is_the_formula,
]
TILTED = ("classifier", "classifier-free")  # the methods that claim p(z|c) p(c|z)^w, and must be held to it
