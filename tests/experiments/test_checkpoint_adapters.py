"""Networks of others with random weights, through their adapters, against what their originals say (golden/foreign.json)."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from foreign import ADMS, CLASSIFIERS, CONSISTENCY, DITS, EDM2S, EDMS, LABELS, SIGMAS, TIMES, golden, images, kept, weights
from pickles import snapshot

from experiments.checkpoints import edm, edm2
from experiments.checkpoints.conventions import ChainTime
from experiments.registry import CHECKPOINTS
from guidance import CHAINS

ROUNDING = 5e-6  # of the root mean square of an output, in float32; the largest found is 2e-6
LABEL = torch.tensor(LABELS)


@dataclass(frozen=True)
class Shape:
    """As much of a world as an adapter asks for."""

    shape: tuple[int, ...]
    classes: int = 5
    name: str = "toy"


def state_of(adapter) -> dict[str, torch.Tensor]:
    """The weights of a small network by the names in its files."""
    with torch.device("meta"):
        tensors = adapter.network().state_dict()
    return weights({getattr(adapter, "their_name", str)(name): each.shape for name, each in tensors.items()})


def saved(adapter, path: Path) -> Path:
    torch.save(state_of(adapter), path)
    return path


def deviation(output: torch.Tensor, wanted: list[float]) -> float:
    """The largest, over the root mean square of the output."""
    found = torch.tensor(kept(output), dtype=torch.float64)
    return ((found - torch.tensor(wanted, dtype=torch.float64)).abs().max() / wanted[-1]).item()


def of_chain(name: str, denoiser, chain, channels: int, size: int) -> dict[str, float]:
    """The deviations of a denoiser at the chain's own levels."""
    wanted, betas = golden()[name], chain.betas.double()
    kept_alpha = torch.cumprod(1 - betas, 0)
    posterior = betas * (1 - torch.cat([torch.ones(1), kept_alpha[:-1]])) / (1 - kept_alpha)
    posterior[0] = posterior[1]
    pred = denoiser(images(3, channels, size), chain.logsnrs[list(TIMES)].float(), LABEL)
    share = pred.variance_fraction
    high, low = (each[list(TIMES)].log()[:, None, None, None] for each in (betas, posterior))
    found = {"x": pred.x, "eps": pred.eps, "fraction": share, "log_variance": share * high + (1 - share) * low}
    return {key: deviation(each, wanted[key]) for key, each in found.items()}


@pytest.mark.parametrize("name", CHAINS)
def test_t_is_whole_at_every_level_of_a_chain_and_a_fraction_between(name):
    time = ChainTime(CHAINS[name](1000))
    levels = time.chain.logsnrs
    assert torch.equal(time(levels.float()), torch.arange(1000.0))
    assert torch.allclose(time(levels[:-1].lerp(levels[1:], 0.25).float()), torch.arange(999) + 0.25, atol=1e-3)


@pytest.mark.parametrize("name", ADMS)
def test_a_denoiser_of_adm_is_the_originals(name, tmp_path):
    pytest.importorskip("azula.plugins.adm")
    adm = ADMS[name]
    denoiser = adm(saved(adm, tmp_path / "weights.pt"), "cpu", Shape((3, 32, 32)))
    found = of_chain(name, denoiser, CHAINS[adm.chain](1000), 3, 32)
    assert max(found.values()) < ROUNDING, found
    if adm.classes:
        with pytest.raises(ValueError, match="trained with labels only"):
            denoiser(images(3, 3, 32), torch.zeros(3), None)
    else:
        assert torch.equal(
            denoiser(images(3, 3, 32), torch.zeros(3), None).x, denoiser(images(3, 3, 32), torch.zeros(3), LABEL).x
        )


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_of_adm_is_the_originals_and_has_a_gradient(name, tmp_path):
    pytest.importorskip("azula.plugins.adm")
    adapter = CLASSIFIERS[name]
    classifier = adapter(saved(adapter, tmp_path / "weights.pt"), "cpu", Shape((3, 32, 32)))
    levels = CHAINS[adapter.chain](1000).logsnrs
    z = images(3, 3, 32).requires_grad_()
    logits = classifier(z, levels[list(TIMES)].float())
    wanted = torch.tensor(golden()[name]["logits"]).reshape(3, 5)
    assert (logits - wanted).abs().max() < ROUNDING * wanted.square().mean().sqrt()
    (slope,) = torch.autograd.grad(logits.log_softmax(1)[range(3), LABEL].sum(), z)
    assert slope.abs().amin((1, 2, 3)).isfinite().all() and slope.square().mean() > 0
    between = classifier(z[1:2], levels[500:502].mean()[None].float())
    assert torch.allclose(between, classifier.network(z[1:2], torch.tensor([500.5])), atol=1e-4)
    assert not torch.allclose(between, classifier.network(z[1:2], torch.tensor([500.0])), atol=1e-4)
    with pytest.raises(ValueError, match="ends of the checkpoint's chain"):
        classifier(z, torch.full((3,), 30.0))


@pytest.mark.parametrize("name", CONSISTENCY)
def test_an_edm_network_of_the_consistency_models_is_the_originals(name, tmp_path):
    pytest.importorskip("azula.plugins.adm")
    adapter = CONSISTENCY[name]
    state = state_of(adapter)
    state = {key: each[..., None] if "qkv.w" in key or "proj_out.w" in key else each for key, each in state.items()}
    torch.save(state, tmp_path / "weights.pt")
    denoiser = adapter(tmp_path / "weights.pt", "cpu", Shape((3, 32, 32)))
    assert deviation(denoised(denoiser, 32, LABEL), golden()[name]["x"]) < ROUNDING


def denoised(denoiser, size: int, label) -> torch.Tensor:
    """x at the levels of SIGMAS: z of variance one is x + sigma eps over its scale."""
    return denoiser(images(3, 3, size), -2 * torch.tensor(SIGMAS).log(), label).x


@pytest.mark.parametrize("name", [*EDMS, *EDM2S])
def test_a_network_of_a_pickle_is_the_originals(name, tmp_path):
    of_edm = name in EDMS
    options = {**EDMS, **EDM2S}[name]
    with torch.device("meta"):
        tensors = (edm.unet if of_edm else edm2.build)(options, tmp_path).state_dict()
    state = weights({f"model.{key}" if of_edm else key: each.shape for key, each in tensors.items()})
    (tmp_path / "net.pkl").write_bytes(snapshot("EDMPrecond" if of_edm else "Precond", state, options))
    denoiser = CHECKPOINTS["edm" if of_edm else "edm2"](tmp_path / "net.pkl", "cpu", Shape((3, 16, 16)))
    assert deviation(denoised(denoiser, 16, LABEL), golden()[name]["x"]) < ROUNDING
    if options["label_dim"] == 0 or options.get("label_dropout"):
        assert deviation(denoised(denoiser, 16, None), golden()[name]["x of no label"]) < ROUNDING
    else:
        with pytest.raises(ValueError, match="trained with labels only"):
            denoised(denoiser, 16, None)
        answering = replace(denoiser, has_null=True)  # the original answers zeros all the same
        assert deviation(denoised(answering, 16, None), golden()[name]["x of no label"]) < ROUNDING


@pytest.mark.parametrize("name", EDM2S)
def test_a_pickle_of_edm2_in_float16_is_the_originals(name, tmp_path):
    with torch.device("meta"):
        tensors = edm2.build(EDM2S[name], tmp_path).state_dict()
    state = {key: each.half() for key, each in weights({key: each.shape for key, each in tensors.items()}).items()}
    (tmp_path / "net.pkl").write_bytes(snapshot("Precond", state, EDM2S[name]))
    denoiser = CHECKPOINTS["edm2"](tmp_path / "net.pkl", "cpu", Shape((3, 16, 16)))
    assert deviation(denoised(denoiser, 16, LABEL), golden()[name]["x of float16"]) < ROUNDING


def test_dit_is_the_originals(tmp_path):
    adapter = DITS["dit"]
    denoiser = adapter(saved(adapter, tmp_path / "weights.pt"), "cpu", Shape((4, 8, 8)))
    found = of_chain("dit", denoiser, CHAINS["linear"](1000), 4, 8)
    levels = CHAINS["linear"](1000).logsnrs[list(TIMES)].float()
    found["null"] = deviation(denoiser(images(3, 4, 8), levels, None).x, golden()["dit"]["x of no label"])
    assert max(found.values()) < ROUNDING, found
