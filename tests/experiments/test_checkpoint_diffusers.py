"""Folders of diffusers, with random weights, against diffusers' own networks and schedulers."""

import json
from pathlib import Path

import pytest
import torch
from foreign import images, numbers, weights
from test_checkpoint_adapters import Shape

from experiments.checkpoints.diffusers_folder import chain_of, load, target_of
from experiments.problems import Problem
from guidance import adapters

diffusers = pytest.importorskip("diffusers")
DDPM = {"_class_name": "DDPMScheduler", "num_train_timesteps": 1000, "beta_schedule": "linear", "prediction_type": "epsilon"}
UNET = {
    "sample_size": 16,
    "block_out_channels": [32, 64],
    "layers_per_block": 1,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
}
DIT = {
    "num_attention_heads": 4,
    "attention_head_dim": 12,
    "num_layers": 2,
    "sample_size": 8,
    "num_embeds_ada_norm": 5,
    "out_channels": 8,
}
TIMES = torch.tensor([0, 500, 998])
LABEL = torch.tensor([0, 3, 4])


def folder_of(network, place: Path, inner: str, scheduler: dict, safe: bool = True):
    """The folder of a pipeline, as diffusers saves one, of weights by the formula."""
    network.load_state_dict(weights({name: each.shape for name, each in network.state_dict().items()}))
    network.eval().save_pretrained(place / inner, safe_serialization=safe)
    (place / "scheduler").mkdir(exist_ok=True)
    (place / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    return network


def rounding(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return ((found - wanted).abs().max() / wanted.square().mean().sqrt()).item()


@pytest.mark.parametrize("target", ["epsilon", "sample", "v_prediction"])
@pytest.mark.parametrize("schedule", ["linear", "scaled_linear", "squaredcos_cap_v2"])
@torch.no_grad()
def test_a_unet_and_its_scheduler_are_diffusers_own(target, schedule, tmp_path):
    config = {**DDPM, "beta_schedule": schedule, "prediction_type": target, "beta_end": 0.015, "clip_sample": False}
    network = folder_of(diffusers.UNet2DModel(**UNET, num_class_embeds=6), tmp_path, "unet", config)
    denoiser = load(tmp_path, "cpu", Shape((3, 16, 16)))
    z, scheduler = images(3, 3, 16), diffusers.DDPMScheduler.from_config(config)
    levels = denoiser.network.time.chain.logsnrs[TIMES].float()
    for label, ids in ((LABEL, LABEL), (None, torch.full((3,), 5))):
        pred = denoiser(z, levels, label)
        for row, t in enumerate(TIMES):
            said = network(z[row : row + 1], t, class_labels=ids[row : row + 1]).sample
            wanted = scheduler.step(said, t, z[row : row + 1]).pred_original_sample
            assert rounding(pred.x[row : row + 1], wanted) < (2e-3 if t == 998 else 1e-4)  # its alphas are float32
    assert torch.allclose(denoiser.network.time.chain.logsnrs.sigmoid(), scheduler.alphas_cumprod.double(), atol=1e-6)


@pytest.mark.parametrize(("ids", "null"), [(5, False), (6, True), (None, True)])
@torch.no_grad()
def test_a_unet_is_diffusers_own_to_rounding_and_its_null_label_is_known(ids, null, tmp_path):
    network = folder_of(diffusers.UNet2DModel(**UNET, num_class_embeds=ids), tmp_path, "unet", DDPM, safe=ids != 6)
    denoiser = load(tmp_path, "cpu", Shape((3, 16, 16)))
    z, levels = images(3, 3, 16), denoiser.network.time.chain.logsnrs[TIMES].float()
    said = network(z, TIMES, **({} if ids is None else {"class_labels": LABEL})).sample
    assert rounding(denoiser(z, levels, LABEL).eps, said) < 5e-6 and denoiser.has_null == null


@pytest.mark.parametrize("older", [False, True])
@torch.no_grad()
def test_dit_is_diffusers_own(older, tmp_path):
    network = folder_of(diffusers.DiTTransformer2DModel(**DIT), tmp_path, "transformer", DDPM)
    if older:
        config = json.loads((tmp_path / "transformer" / "config.json").read_text())
        (tmp_path / "transformer" / "config.json").write_text(json.dumps({**config, "_class_name": "Transformer2DModel"}))
    denoiser = load(tmp_path, "cpu", Shape((4, 8, 8)))
    z, levels = images(3, 4, 8), denoiser.network.time.chain.logsnrs[TIMES].float()
    for label, ids in ((LABEL, LABEL), (None, torch.full((3,), 5))):
        said = network(z, timestep=TIMES, class_labels=ids).sample
        pred = denoiser(z, levels, label)
        assert rounding(pred.eps, said[:, :4]) < 5e-6 and rounding(2 * pred.variance_fraction - 1, said[:, 4:]) < 5e-6


def test_a_chain_of_its_own_betas_is_taken():
    betas = (0.02 + 0.01 * numbers(10, 0)).abs().tolist()
    chain = chain_of({**DDPM, "trained_betas": betas}, Path("x"))
    assert torch.allclose(chain.logsnrs.sigmoid(), torch.cumprod(1 - torch.tensor(betas, dtype=torch.float64), 0))
    assert adapters.chain(lambda z, t, y: z, chain) is not None


def test_what_is_no_chain_or_does_not_fit_is_one_line(tmp_path):
    folder_of(diffusers.UNet2DModel(**UNET, num_class_embeds=5), tmp_path, "unet", DDPM)
    config = tmp_path / "unet" / "config.json"
    scheduler = tmp_path / "scheduler" / "scheduler_config.json"
    kept, world = {file: file.read_text() for file in (config, scheduler)}, Shape((3, 16, 16))

    def refused(words: str, file: Path | None = None, changed: Shape = world, **change: object) -> None:
        if file is not None:
            file.write_text(json.dumps({**json.loads(kept[file]), **change}))
        with pytest.raises(Problem, match=words) as problem:
            load(tmp_path, "cpu", changed)
        assert "\n" not in str(problem.value)
        for each, content in kept.items():
            each.write_text(content)

    refused("is of AutoencoderKL, none of UNet2DModel", config, _class_name="AutoencoderKL")
    refused("conv_in.weight .* not", config, block_out_channels=[64, 64])
    refused(
        "EDMEulerScheduler with beta_schedule None is no chain", scheduler, _class_name="EDMEulerScheduler", beta_schedule=None
    )
    refused("ends without signal", scheduler, rescale_betas_zero_snr=True)
    refused("prediction_type 'flow_prediction' is none of epsilon", scheduler, prediction_type="flow_prediction")
    refused("knows 5 labels, and toy has 9 classes", changed=Shape((3, 16, 16), 9))
    refused("is for 3 x 16 x 16, but toy has 1 x 16 x 16 of 5", changed=Shape((1, 16, 16)))
    (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    refused("unet has none of diffusion_pytorch_model.safetensors, diffusion_pytorch_model.bin")
    config.unlink()
    with pytest.raises(Problem, match=r"has none of config.json, unet/config.json, transformer/config.json"):
        load(tmp_path, "cpu", world)
    assert target_of({}, tmp_path) == "eps"
