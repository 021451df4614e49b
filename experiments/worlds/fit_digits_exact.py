"""How digits_exact_v1.safetensors was made: `python -m experiments.worlds.fit_digits_exact`; `--scan` shows the choice.

Every class of the training digits gets a mixture of probabilistic PCAs (Tipping & Bishop, Neural Computation 11, 1999),
by expectation maximisation from k-means. The 17 grey levels are first made continuous by uniform noise of one level.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save
from sklearn.cluster import KMeans
from torch import Tensor

from analysis.files import write_atomically
from experiments.graph.files import sha256
from experiments.worlds.digits import Digits
from experiments.worlds.world import LOGSNR_CLEAN, Labelled, data
from guidance.mixture import Mixture

COMPONENTS, RANK = 2, 10
JITTER = 1022 * 2**22  # seed of the noise that version 1 of the mixture was fitted with
ROUNDS, MIN_RESIDUAL = 50, 1e-3  # the variance of one grey level is 1.3e-3


def principal(x: Tensor, share: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, factors and residual of the probabilistic PCA of rows `x` that count `share` each."""
    mean = share @ x / share.sum()
    offset = x - mean
    values, vectors = torch.linalg.eigh((share[:, None] * offset).mT @ offset / share.sum())
    residual = values[:-rank].mean().clamp(min=MIN_RESIDUAL)
    return mean, vectors[:, -rank:] * (values[-rank:] - residual).clamp(min=0).sqrt(), residual


def fit_class(x: Tensor, components: int, rank: int) -> tuple[list[Tensor], Tensor]:
    """Means, factors and residuals (components, ...), and the weights, of one class."""
    clusters = KMeans(components, n_init=10, random_state=0).fit_predict(x.numpy())
    posterior = torch.nn.functional.one_hot(torch.from_numpy(clusters).long(), components).double()
    labels, clean = torch.arange(components), torch.full((len(x),), LOGSNR_CLEAN, dtype=x.dtype)
    for _ in range(ROUNDS):
        parameters = [torch.stack(stacked) for stacked in zip(*(principal(x, share, rank) for share in posterior.T))]
        weights = posterior.mean(0)
        posterior = Mixture.low_rank(*parameters, weights, labels).class_logits(x, clean).softmax(-1)
    return parameters, weights


def fit(images: Labelled, components: int, rank: int) -> dict[str, Tensor]:
    """The arguments of Mixture.low_rank, classes of equal weight, in float32."""
    x, classes = continuous(images, 0), int(images.label.max()) + 1
    fitted = [fit_class(x[images.label == c], components, rank) for c in range(classes)]
    means, factors, residuals = (torch.cat(part) for part in zip(*(parameters for parameters, _ in fitted)))
    values = {"means": means, "factors": factors, "residuals": residuals, "weights": torch.cat([w for _, w in fitted]) / classes}
    labels = torch.arange(classes).repeat_interleave(components)
    return {name: value.float().contiguous() for name, value in values.items()} | {"labels": labels}


def continuous(images: Labelled, index: int) -> Tensor:
    """Rows of 64 pixels with uniform noise of one grey level, in float64."""
    x = images.x.double().flatten(1)
    return x + (torch.rand(x.shape, generator=torch.Generator().manual_seed(JITTER + index), dtype=x.dtype) - 0.5) / 8


def validate(values: dict[str, Tensor], images: Labelled) -> str:
    """Test NLL (nats per pixel) and accuracy of the mixture."""
    mixture = Mixture.low_rank(**{name: v if name == "labels" else v.double() for name, v in values.items()})
    x, clean = continuous(images, 1), torch.full((len(images.x),), LOGSNR_CLEAN, dtype=torch.float64)
    nll = -mixture.log_prob(x, clean, images.label).mean() / x.shape[1]
    right = (mixture.class_logits(x, clean).argmax(-1) == images.label).double().mean()
    return f"test NLL {nll:.3f} nats per pixel, accuracy {right:.3f}, residual std from {values['residuals'].min().sqrt():.3f}"


def main() -> None:
    """Writes the file beside this script, or prints the scan."""
    torch.set_num_threads(1)
    world = data(Digits())
    if sys.argv[1:] == ["--scan"]:
        for components, rank in ((c, r) for c in (1, 2, 3, 4) for r in (4, 6, 8, 10, 12, 16)):
            print(components, rank, validate(fit(world.train, components, rank), world.test), flush=True)
        return
    values = fit(world.train, COMPONENTS, RANK)
    path = write_atomically(Path(__file__).with_name("digits_exact_v1.safetensors"), save(values))
    print(f"{path}\nsha256 {sha256(path)}\n{validate(values, world.test)}")


if __name__ == "__main__":
    main()
