"""The methods inside loops of diffusers are those inside ours: a random class-conditional UNet2DModel, three conventions."""

from types import SimpleNamespace

import pytest
import torch

from guidance import CHAINS, METHODS, SAMPLERS, NetworkDenoiser, adapters
from guidance.integrations.diffusers import GuidedNoisePred, carried, guided_noise_pred, guider, process_at
from guidance.integrations.schedulers import FARTHEST

diffusers = pytest.importorskip("diffusers")
pytest.importorskip("diffusers.guiders")
CLASSES, NULL = 10, 10
LABEL = torch.tensor([3, 7, 0])
CHAIN = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.006, "clip_sample": False}
LINEAR = CHAINS["linear"](1000, 1e-4, 0.006)  # to lambda = -3, where x is not yet mostly the rounding of eps
TYPES = {"epsilon": "eps", "sample": "x", "v_prediction": "v"}


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    blocks = {"block_out_channels": (32, 32), "down_block_types": ("DownBlock2D", "AttnDownBlock2D")}
    up = ("AttnUpBlock2D", "UpBlock2D")
    options = {"sample_size": 8, "layers_per_block": 1, "norm_num_groups": 8, "num_class_embeds": CLASSES + 1}
    return diffusers.UNet2DModel(**blocks, up_block_types=up, **options).eval().requires_grad_(False)


def as_ours(unet):
    return lambda z, t, label: unet(z, t, class_labels=label).sample


def loop(unet, scheduler, guide, z, steps=5, **more):
    """As a modular pipeline denoises: the guider says which predictions are made."""
    scheduler.set_timesteps(steps, **more)
    calls = []
    for i, t in enumerate(scheduler.timesteps):
        seen = scheduler.scale_model_input(z, t) if hasattr(scheduler, "scale_model_input") else z
        guide.set_state(step=i, num_inference_steps=steps, timestep=t)
        states = guide.prepare_inputs({"class_labels": (LABEL, torch.full_like(LABEL, NULL))})
        calls.append(len(states))
        for state in states:
            guide.prepare_models(unet)
            state.noise_pred = unet(seen, t, class_labels=state.class_labels).sample
            guide.cleanup_models(unet)
        z = scheduler.step(guide(states)[0], t, z, return_dict=False)[0]
    assert not unet._forward_pre_hooks
    return z, calls


def noise(seed=1):
    return torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("said", TYPES)
@pytest.mark.parametrize("name", carried())
def test_a_ddim_loop_of_diffusers_is_our_own(unet, said, name):
    """Every method that can be carried, to float32 rounding, in every convention of a chain's network."""
    scheduler = diffusers.DDIMScheduler(**CHAIN, prediction_type=said, timestep_spacing="trailing")
    method = METHODS[name](w=1.5)
    theirs, _ = loop(unet, scheduler, guider(method, scheduler), noise())
    levels = LINEAR.logsnrs[scheduler.timesteps]
    model = NetworkDenoiser(adapters.chain(as_ours(unet), LINEAR, predicts=TYPES[said]), CLASSES)
    ours = SAMPLERS["ddim"]()(method(model), noise(), levels, LABEL, torch.Tensor)
    assert (ours - SAMPLERS["ddim"]()(model, noise(), levels, LABEL, torch.Tensor)).abs().max() > 1e-3 * ours.abs().max()
    assert (theirs - ours).abs().max() < 2e-5 * ours.abs().max(), name


@pytest.mark.parametrize("name", ["classifier-free", "apg", "cfg-zero-star", "rescale", "fdg", "tcfg", "adg"])
def test_a_flow_of_diffusers_is_ours(unet, name):
    """One step's velocity at levels off the end, where lambda is finite; the network's time is 1000 sigma."""
    scheduler, method = diffusers.FlowMatchEulerDiscreteScheduler(), METHODS[name](w=1.5)
    scheduler.set_timesteps(sigmas=[0.95, 0.7, 0.3, 0.05])
    net = adapters.flow(lambda z, t, label: unet(z, 1000 * t, class_labels=label).sample)
    model = NetworkDenoiser(net, CLASSES)
    for t, sigma in zip(scheduler.timesteps, scheduler.sigmas.double().tolist()):
        process = process_at(scheduler, t)
        assert process.logsnr == pytest.approx(2 * torch.tensor((1 - sigma) / sigma).log().item(), abs=1e-6)
        cond, null = (unet(noise(), t, class_labels=label).sample for label in (LABEL, torch.full_like(LABEL, NULL)))
        guided = GuidedNoisePred(method, scheduler)(cond, null, noise(), t)
        pred = method(model)(process.standard(noise()), torch.full((3,), process.logsnr), LABEL)
        assert torch.allclose(guided, pred.eps - pred.x, atol=2e-4 * guided.abs().max().item()), (name, sigma)


def test_a_flow_begins_at_pure_noise_with_finite_numbers(unet):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler()
    for name in carried():
        sample, _ = loop(unet, scheduler, guider(METHODS[name](w=0.5), scheduler), noise(), 4)
        assert sample.isfinite().all(), name
    assert process_at(scheduler, scheduler.timesteps[0]).logsnr == pytest.approx(-FARTHEST)
    cond, null = noise(2), noise(3)
    guided = guided_noise_pred(METHODS["classifier-free"](w=1.5), cond, null, noise(), scheduler.timesteps[0], scheduler)
    assert torch.allclose(guided, cond + 1.5 * (cond - null), atol=1e-3)


@pytest.mark.parametrize(
    "kind", ["DDPMScheduler", "EulerDiscreteScheduler", "DPMSolverMultistepScheduler", "UniPCMultistepScheduler"]
)
@pytest.mark.parametrize("said", ["epsilon", "v_prediction"])
def test_classifier_free_guidance_is_diffusers_own(unet, kind, said):
    """Its guider with guidance_scale 1 + w, in the same loop: whatever the scheduler's scale of z is, linear is linear."""
    options = {"num_train_timesteps": 1000, "prediction_type": said}
    options |= {"use_karras_sigmas": True} if kind not in ("DDPMScheduler",) else {"clip_sample": False}
    own = diffusers.ClassifierFreeGuidance(guidance_scale=2.5)
    found = []
    for make in (lambda scheduler: guider(METHODS["classifier-free"](w=1.5), scheduler), lambda scheduler: own):
        torch.manual_seed(5)  # DDPM draws noise
        scheduler = getattr(diffusers, kind)(**options)
        scheduler.set_timesteps(6)
        found.append(loop(unet, scheduler, make(scheduler), noise() * getattr(scheduler, "init_noise_sigma", 1.0))[0])
    assert torch.allclose(*found, atol=1e-3 * found[1].abs().max().item(), rtol=1e-3)


def test_karras_sigmas_are_read_and_not_the_chains(unet):
    scheduler = diffusers.EulerDiscreteScheduler(use_karras_sigmas=True)
    scheduler.set_timesteps(5)
    for t, sigma in zip(scheduler.timesteps, scheduler.sigmas.tolist()):
        process = process_at(scheduler, t)
        assert process.logsnr == pytest.approx(-2 * torch.tensor(sigma).log().item(), abs=1e-5)
        assert process.a**2 + process.s**2 == pytest.approx(1)


def test_a_window_of_lambda_saves_evaluations_and_w_0_is_the_conditional_model(unet):
    scheduler = diffusers.DDIMScheduler(**CHAIN, timestep_spacing="trailing")
    window = METHODS["classifier-free"](w=1.5, logsnr_min=-3.0, logsnr_max=3.0)
    _, calls = loop(unet, scheduler, guider(window, scheduler), noise())
    levels = LINEAR.logsnrs[scheduler.timesteps].tolist()
    assert calls == [2 if -3 <= level < 3 else 1 for level in levels] and set(calls) == {1, 2}
    plain, calls = loop(unet, scheduler, guider(METHODS["apg"](w=0.0), scheduler), noise())
    off = guider(METHODS["apg"](w=3.0), scheduler)
    off.disable()
    assert set(calls) == {1} and torch.equal(plain, loop(unet, scheduler, off, noise())[0])
    higs, calls = loop(unet, scheduler, guider(METHODS["higs"](), scheduler), noise())
    assert set(calls) == {1} and not torch.equal(higs, plain)


def test_a_second_trajectory_does_not_remember_the_first(unet):
    scheduler = diffusers.DDIMScheduler(**CHAIN, timestep_spacing="trailing")
    guide = guider(METHODS["apg"](w=3.0), scheduler)
    first, second = (loop(unet, scheduler, guide, noise())[0] for _ in range(2))
    assert torch.equal(first, second)
    last = scheduler.timesteps[-1]  # of an image that begins near the end, lambda does not fall back
    states = [SimpleNamespace(noise_pred=noise(k)) for k in (2, 3)]
    for state, name in zip(states, guide._input_predictions):
        setattr(state, guide._identifier_key, name)
    found = []
    for _ in range(2):
        guide.set_state(0, 1, last)
        found.append(guide(states)[0])
    assert torch.equal(*found)
    step = GuidedNoisePred(METHODS["apg"](w=3.0), scheduler)  # a loop without steps: lambda falls back
    runs = [[step(noise(2), noise(3), noise(), t) for t in scheduler.timesteps] for _ in range(2)]
    assert all(torch.equal(*pair) for pair in zip(*runs)) and not torch.equal(
        runs[0][1], GuidedNoisePred(METHODS["apg"](w=3.0), scheduler)(noise(2), noise(3), noise(), scheduler.timesteps[1])
    )


def test_what_does_not_fit_is_refused(unet):
    cfg = METHODS["classifier-free"]()
    with pytest.raises(ValueError, match="neither a chain nor a flow"):
        guided_noise_pred(cfg, noise(), noise(), noise(), 5, diffusers.EDMEulerScheduler())
    with pytest.raises(ValueError, match="has no timestep 5"):
        guided_noise_pred(cfg, noise(), noise(), noise(), 5.5, diffusers.FlowMatchEulerDiscreteScheduler())
    guide = guider(cfg, diffusers.DDIMScheduler())
    guide.set_state(0, 1, 5)
    with pytest.raises(ValueError, match="has seen no z"):
        guide.forward(noise(), noise())


def test_a_guider_is_saved_and_made_again(tmp_path):
    scheduler = diffusers.DDIMScheduler()
    guide = guider(METHODS["fdg"](w=2.0, scales=(1.0, 0.5, 0.25), logsnr_max=4.0), scheduler)
    guide.save_pretrained(tmp_path)
    again = type(guide).from_pretrained(tmp_path, scheduler=scheduler)
    assert again.guidance.method == guide.guidance.method and again.config["w"] == 2.0
    changed = guide.new(w=5.0)
    assert changed.guidance.method == METHODS["fdg"](w=5.0, scales=(1.0, 0.5, 0.25), logsnr_max=4.0)
    assert changed.guidance.scheduler is scheduler and "fdg" in repr(changed)


def test_a_block_of_a_modular_pipeline_takes_it():
    """Stable Diffusion XL's own denoising block, with a tiny random network."""
    try:
        from diffusers.modular_pipelines.stable_diffusion_xl.denoise import StableDiffusionXLLoopDenoiser
    except (ImportError, RuntimeError) as error:  # without transformers
        pytest.skip(f"diffusers' modular pipelines need more: {error}")
    block = StableDiffusionXLLoopDenoiser()
    torch.manual_seed(0)
    sizes = {
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "cross_attention_dim": 8,
        "sample_size": 8,
    }
    kinds = {"down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D")}
    unet = diffusers.UNet2DConditionModel(**sizes, **kinds, in_channels=4, out_channels=4, attention_head_dim=4).eval()
    scheduler = diffusers.EulerDiscreteScheduler()
    scheduler.set_timesteps(4)
    t, z = scheduler.timesteps[1], torch.randn(2, 4, 8, 8)
    prompts = {"prompt_embeds": torch.randn(2, 5, 8), "negative_prompt_embeds": torch.randn(2, 5, 8)}
    state = diffusers.modular_pipelines.modular_pipeline.BlockState(
        **prompts, num_inference_steps=4, scaled_latents=z, timestep_cond=None, cross_attention_kwargs=None
    )
    guide = guider(METHODS["apg"](w=3.0), scheduler)
    _, state = block(SimpleNamespace(unet=unet, guider=guide), state, 1, t)
    with torch.no_grad():
        cond, null = (unet(z, t, encoder_hidden_states=prompts[name]).sample for name in prompts)
    assert torch.allclose(state.noise_pred, GuidedNoisePred(METHODS["apg"](w=3.0), scheduler)(cond, null, z, t), atol=1e-6)
    assert not torch.allclose(state.noise_pred, cond, atol=1e-3)


def test_without_diffusers_one_line_says_what_to_install(monkeypatch):
    import sys

    for name in [name for name in sys.modules if name == "guidance.integrations.diffusers_guider"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "diffusers.guiders.guider_utils", None)
    with pytest.raises(ImportError, match=r"pip install 'guidance-bench\[diffusers\]'"):
        guider(METHODS["apg"](), diffusers.DDIMScheduler())
