"""Makes golden/foreign.json of the originals' own code: `python tests/experiments/freeze_foreign.py FOLDER`.

FOLDER holds checkouts of openai/guided-diffusion, openai/consistency_models, NVlabs/edm, NVlabs/edm2 and facebookresearch/DiT
under their names. Nothing of them is kept but the numbers. Libraries that they import and do not need here are replaced by
dummies, and flash attention, which needs a GPU, by its formula.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import torch
from foreign import ADMS, CLASSIFIERS, CONSISTENCY, DITS, EDM2S, EDMS, GOLDEN, LABELS, SIGMAS, TIMES, images, kept, weights
from torch import Tensor, nn

ATTENTION = (32, 16, 8)


@contextmanager
def original(folder: Path) -> Iterator[None]:
    """Imports come from this checkout; afterwards they are forgotten, for two of them call their modules the same."""
    for name in ("piq", "mpi4py", "blobfile", "torchvision", "torchvision.transforms", "requests"):
        sys.modules[name] = MagicMock()
    flash = ModuleType("flash_attn.flash_attention")
    flash.FlashAttention = Attention
    sys.modules |= {"flash_attn": ModuleType("flash_attn"), "flash_attn.flash_attention": flash}
    sys.path.insert(0, str(folder))
    before = set(sys.modules)
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            if str(folder) in str(getattr(sys.modules[name], "__file__", "") or ""):
                del sys.modules[name]


class Attention(nn.Module):
    """softmax(q k^T / sqrt(d)) v of (b, s, 3, heads, d), as flash attention computes it."""

    def __init__(self, **options: Any):
        super().__init__()

    def forward(self, qkv: Tensor, **options: Any) -> tuple[Tensor, None]:
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        share = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
        return (share @ v).transpose(1, 2), None


def filled(network: nn.Module) -> nn.Module:
    network.load_state_dict(weights({name: each.shape for name, each in network.state_dict().items()}))
    return network.eval()


def of_chain(diffusion: Any, network: Any, z: Tensor, y: Tensor | None) -> dict[str, list[float]]:
    """x, and the variances that the learned fraction makes, by the original's own process."""
    t = torch.tensor(TIMES)
    said = diffusion.p_mean_variance(network, z, t, clip_denoised=False, model_kwargs={} if y is None else {"y": y})
    output = network(z, t) if y is None else network(z, t, y)
    return {
        "x": kept(said["pred_xstart"]),
        "eps": kept(output[:, : z.shape[1]]),
        "log_variance": kept(said["log_variance"]),
        "fraction": kept((output[:, z.shape[1] :] + 1) / 2),
    }


def of_adm(adm: Any, scale_shift: bool) -> dict[str, Any]:
    """The arguments that ADM's networks share."""
    return {
        "attention_resolutions": tuple(adm.size // side for side in ATTENTION),
        "channel_mult": adm.multipliers,
        "num_head_channels": adm.head_channels or -1,
        "resblock_updown": True,
        "use_scale_shift_norm": scale_shift,
    }


def guided_diffusion() -> dict[str, Any]:
    from guided_diffusion import gaussian_diffusion as gd
    from guided_diffusion.unet import EncoderUNetModel, UNetModel

    found = {}
    for name, adm in ADMS.items():
        options = {"num_heads": adm.heads, "use_new_attention_order": adm.new_order, "num_classes": adm.classes}
        network = UNetModel(adm.size, 3, adm.width, 6, adm.blocks, **options, **of_adm(adm, adm.scale_shift))
        betas = gd.get_named_beta_schedule(adm.chain, 1000)
        kinds = gd.ModelMeanType.EPSILON, gd.ModelVarType.LEARNED_RANGE, gd.LossType.MSE
        diffusion = gd.GaussianDiffusion(betas=betas, model_mean_type=kinds[0], model_var_type=kinds[1], loss_type=kinds[2])
        found[name] = of_chain(diffusion, filled(network), images(3, 3, adm.size), adm.classes and torch.tensor(LABELS))
    for name, adm in CLASSIFIERS.items():
        options = {**of_adm(adm, scale_shift=True), "pool": "attention"}
        network = EncoderUNetModel(adm.size, 3, adm.width, adm.classes, adm.blocks, **options)
        found[name] = {"logits": kept_all(filled(network)(images(3, 3, adm.size), torch.tensor(TIMES)))}
    return found


def kept_all(output: Tensor) -> list[float]:
    return output.detach().double().flatten().tolist()


def consistency_models() -> dict[str, Any]:
    from cm.karras_diffusion import KarrasDenoiser
    from cm.unet import UNetModel

    found = {}
    for name, adapter in CONSISTENCY.items():
        adm = adapter.unet
        options = {**of_adm(adm, adm.scale_shift), "num_classes": adm.classes}
        network = UNetModel(adm.size, 3, adm.width, 3, adm.blocks, **options)
        y = {} if adm.classes is None else {"y": torch.tensor(LABELS)}
        said = KarrasDenoiser(loss_norm="l2").denoise(filled(network), *noisy(adm.size), **y)
        found[name] = {"x": kept(said[1])}
    return found


def noisy(size: int) -> tuple[Tensor, Tensor]:
    """x + sigma eps and sigma."""
    sigma = torch.tensor(SIGMAS)
    return images(3, 3, size) * (1 + sigma**2).sqrt()[:, None, None, None], sigma


def edm() -> dict[str, Any]:
    from training.networks import EDMPrecond

    return {name: karras(filled(EDMPrecond(**options)), options) for name, options in EDMS.items()}


def edm2() -> dict[str, Any]:
    from training.networks_edm2 import Precond

    found = {}
    for name, options in EDM2S.items():
        network = filled(Precond(**options))
        found[name] = {**karras(network, options), "x of float16": karras(network.half(), options)["x"]}
    return found


def karras(network: nn.Module, options: dict[str, Any]) -> dict[str, list[float]]:
    z, sigma = noisy(options["img_resolution"])
    rows = torch.eye(5)[list(LABELS)]
    return {"x": kept(network(z, sigma, rows)), "x of no label": kept(network(z, sigma, None))}


def dit() -> dict[str, Any]:
    from diffusion import create_diffusion
    from models import DiT

    found = {}
    for name, own in DITS.items():
        network = DiT(own.size, own.patch, own.channels, own.width, own.depth, own.heads, num_classes=own.classes)
        z, diffusion = images(3, own.channels, own.size), create_diffusion("")
        found[name] = of_chain(diffusion, filled(network), z, torch.tensor(LABELS))
        null = torch.full((3,), own.classes)
        found[name]["x of no label"] = of_chain(diffusion, filled(network), z, null)["x"]
    return found


if __name__ == "__main__":
    makers = {
        "guided-diffusion": guided_diffusion,
        "consistency_models": consistency_models,
        "edm": edm,
        "edm2": edm2,
        "DiT": dit,
    }
    tables: dict[str, Any] = {}
    for folder, make in makers.items():
        with original(Path(sys.argv[1]) / folder), torch.no_grad():
            tables |= make()
    rounded = {
        case: {key: [float(f"{one:.9g}") for one in held] for key, held in table.items()} for case, table in tables.items()
    }
    GOLDEN.write_text(json.dumps(rounded, indent=None, separators=(",", ":")).replace("},", "},\n") + "\n")
