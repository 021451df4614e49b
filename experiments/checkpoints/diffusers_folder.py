"""A folder of diffusers: config.json and weights of a UNet2DModel or DiTTransformer2DModel, and the scheduler's chain.

The folder is a pipeline's (unet/ or transformer/, and scheduler/), or the network's alone with scheduler_config.json in it.
Configurations are data: a class that they name is taken only if it is one of NETWORKS.
"""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from experiments.checkpoints.conventions import ChainTime, require_world
from experiments.checkpoints.state_dict import read, require_fit
from experiments.graph.files import read_object
from experiments.problems import Problem
from guidance import CHAINS, Chain, NetworkDenoiser

NETWORKS = {
    "UNet2DModel": "UNet2DModel",
    "DiTTransformer2DModel": "DiTTransformer2DModel",
    "Transformer2DModel": "DiTTransformer2DModel",  # what it was called in older folders
}
TARGETS = {"epsilon": "eps", "sample": "x", "v_prediction": "v"}
WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")


def load(folder: Path, device: str, world: Any) -> NetworkDenoiser:
    """The adapter `diffusers`; the sha256 of a Checkpoint is that of the whole folder."""
    config_of_network = _first(folder, "config.json", "unet/config.json", "transformer/config.json")
    config = read_object(config_of_network)
    scheduler = read_object(_first(folder, "scheduler_config.json", "scheduler/scheduler_config.json"))
    weights = _first(config_of_network.parent, *WEIGHTS)
    side = config.get("sample_size")
    sides = tuple(side) if isinstance(side, list) else (side, side)
    if (kind := str(config.get("_class_name"))) not in NETWORKS:
        raise Problem(f"{config_of_network} is of {kind}, none of {', '.join(NETWORKS)}")
    known = _labels(config)
    require_world(f"{kind} of {folder}", world, (config.get("in_channels"), *sides), None)
    if known is not None and known not in (world.classes, world.classes + 1):
        raise Problem(f"{folder} knows {known} labels, and {world.name} has {world.classes} classes (one more is the null label)")
    network = _network(kind, config)
    state = read(weights)
    require_fit(network.state_dict(), state, weights, f"the network of {config_of_network}")
    network.load_state_dict(state)
    chain = ChainTime(chain_of(scheduler, folder))
    adapted = OfDiffusers(network.float().to(device).eval().requires_grad_(False), chain, labelled=known is not None)
    target, has_null = target_of(scheduler, folder), known != world.classes
    return NetworkDenoiser(adapted, world.classes, target=target, logsnr_range=chain.range, has_null=has_null)


def chain_of(scheduler: dict[str, Any], folder: Path) -> Chain:
    """The chain of a scheduler's configuration, in float64. Problem for one of another kind."""
    steps, kind = scheduler.get("num_train_timesteps", 1000), scheduler.get("beta_schedule")
    first, last = scheduler.get("beta_start", 1e-4), scheduler.get("beta_end", 0.02)
    name = scheduler.get("_class_name")
    if scheduler.get("rescale_betas_zero_snr"):
        raise Problem(f"{folder}: its chain ends without signal (rescale_betas_zero_snr), where lambda is infinite")
    if (betas := scheduler.get("trained_betas")) is not None:
        return Chain(torch.tensor(betas, dtype=torch.float64))
    if kind == "squaredcos_cap_v2":
        return CHAINS["cosine"](steps)
    if kind == "linear":
        return Chain(torch.linspace(first, last, steps, dtype=torch.float64))
    if kind == "scaled_linear":
        return Chain(torch.linspace(first**0.5, last**0.5, steps, dtype=torch.float64) ** 2)
    raise Problem(f"{folder}: {name} with beta_schedule {kind!r} is no chain: known are linear, scaled_linear, squaredcos_cap_v2")


def target_of(scheduler: dict[str, Any], folder: Path) -> str:
    """What the network predicts. Problem for what is not known."""
    if (said := scheduler.get("prediction_type", "epsilon")) not in TARGETS:
        raise Problem(f"{folder}: prediction_type {said!r} is none of {', '.join(TARGETS)}")
    return TARGETS[said]


class OfDiffusers(nn.Module):
    """(z, lambda, label) of a network of diffusers. labelled: whether it takes a label."""

    conditioned_on = "logsnr"

    def __init__(self, network: nn.Module, time: ChainTime, labelled: bool):
        super().__init__()
        self.network, self.time, self.labelled = network, time, labelled

    def forward(
        self, z: Float[Tensor, "b c h w"], logsnr: Float[Tensor, " b"], label: Int[Tensor, " b"]
    ) -> Float[Tensor, "b out h w"]:
        known = {"class_labels": label} if self.labelled else {}
        return self.network(z, self.time(logsnr), **known, return_dict=False)[0]


def _labels(config: dict[str, Any]) -> int | None:
    """How many label ids a network knows; DiT's table has one more than its configuration says, for the null label."""
    if config.get("_class_name") == "UNet2DModel":
        return config.get("num_class_embeds")
    return config.get("num_embeds_ada_norm", 1000) + 1


def _network(kind: str, config: dict[str, Any]) -> nn.Module:
    try:
        import diffusers
    except ImportError as error:
        raise Problem(f"{kind} is diffusers' ({error}): pip install 'guidance-bench[checkpoints]'") from error
    return getattr(diffusers, NETWORKS[kind]).from_config(config)


def _first(folder: Path, *names: str) -> Path:
    """The first of these files that is there. Problem if none is."""
    if (found := next((folder / name for name in names if (folder / name).is_file()), None)) is None:
        raise Problem(f"{folder} has none of {', '.join(names)}: name the folder of a pipeline, or of its network")
    return found
