"""The trainings of a study and its cells: each method at each w, with each sampler and seed, sampled and measured."""

from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from experiments.measure import MeasureConfig, measure
from experiments.pool import run
from experiments.runs import Store
from experiments.sample import MethodConfig, SampleConfig, SamplerConfig, sample, title
from experiments.study_config import StudyConfig
from experiments.train import train_denoiser
from experiments.train_classifiers import train_classifier, train_evaluator
from guidance import METHODS

EXACT_SEED = -1  # in the place of a training seed: nothing was trained


class Trained(NamedTuple):
    """The runs of one training seed; or EXACT_SEED and no runs: the exact world in the networks' place.

    others: further networks by role.
    """

    seed: int
    denoiser: Path | None = None
    classifier: Path | None = None
    others: dict[str, Path] = {}

    @property
    def runs(self) -> list[Path]:
        """Every run there is."""
        return [one for one in (self.denoiser, self.classifier, *self.others.values()) if one is not None]


class Cell(NamedTuple):
    """One cell that has been sampled and measured."""

    train_seed: int
    method: str  # its name in the table
    config: SampleConfig
    samples: Path
    measures: Path


def train_all(store: Store, config: StudyConfig, device: str, workers: int) -> tuple[Path | None, list[Trained]]:
    """The evaluator, if there is one, and a denoiser and a classifier for every training seed, longest trainings first.

    The exact world, where it is studied, comes before them.
    """
    exact = [Trained(EXACT_SEED)] if config.exact else []
    if config.denoiser is None:
        return None, exact
    trainers = {"denoiser": train_denoiser, "weak": train_denoiser, "unconditional": train_denoiser}
    trainers |= {"classifier": train_classifier, "clean": train_evaluator}
    wanted = {(role, seed): config.network(role, seed) for role in trainers for seed in config.train_seeds}
    wanted = {key: one for key, one in wanted.items() if one is not None}
    tasks = [partial(trainers[role], store, one, device) for (role, _), one in wanted.items()]
    tasks += [partial(train_evaluator, store, config.evaluator, device)] if config.evaluator else []
    made = [path for _, path in sorted(run(tasks, workers))]
    found = dict(zip(wanted, made, strict=False))
    trained = [
        Trained(
            seed,
            found["denoiser", seed],
            found["classifier", seed],
            {role: found[role, seed] for role in ("weak", "unconditional", "clean") if (role, seed) in found},
        )
        for seed in config.train_seeds
    ]
    return made[-1] if config.evaluator else None, [*exact, *trained]


def sweep(
    store: Store, config: StudyConfig, evaluator: Path | None, trained: list[Trained], device: str, workers: int
) -> list[Cell]:
    """Every cell, sampled and measured. A cell that another command is making is left to it, and waited for last."""
    wanted = [
        (t, _samples(config, t, one.sampler, method.at(w), seed))
        for t, seed, one in product(trained, config.sample_seeds, config.sweeps)
        for w, method in one.cells(config.methods)
    ]
    cells: dict[int, Cell] = {}
    with tqdm(total=len(wanted), desc="cells", unit="cell") as bar:
        for wait in (False, True):
            left = [index for index in range(len(wanted)) if index not in cells]
            tasks = [partial(_cell, store, config, evaluator, *wanted[index], device, wait) for index in left]
            for place, cell in run(tasks, workers):
                if cell is not None:
                    cells[left[place]] = cell
                    bar.set_postfix_str(title(cell.config))
                    bar.update()
    return [cells[index] for index in sorted(cells)]


def _cell(
    store: Store, config: StudyConfig, evaluator: Path | None, t: Trained, sampling: SampleConfig, device: str, wait: bool
) -> Cell | None:
    samples = sample(store, sampling, device, wait)
    if samples is None:
        return None
    measuring = measures_of(config, evaluator, t, samples.name, (config.n, config.part), sampling.method.w)
    both = config.exact and config.denoiser is not None
    method = sampling.method.label + (" (exact)" if both and t.seed == EXACT_SEED else "")
    return Cell(t.seed, method, sampling, samples, measure(store, measuring, device))


def _samples(config: StudyConfig, t: Trained, sampler: SamplerConfig, method: MethodConfig, seed: int) -> SampleConfig:
    roles = set(METHODS[method.name].roles)
    roles |= {"clean"} if "loss" in roles else set()  # the loss of an image is a clean classifier's
    return SampleConfig(
        world=config.world,
        denoiser=t.denoiser and t.denoiser.name,
        classifier=t.classifier.name if t.classifier is not None and "classifier" in roles else None,
        others={role: path.name for role, path in t.others.items() if role in roles},
        method=method,
        sampler=sampler,
        logsnr=config.logsnr,
        seed=seed,
        n=config.n,
        clip=config.clip,
        batch=config.batch,
        rows=config.rows,
    )


def measures_of(
    config: StudyConfig, evaluator: Path | None, t: Trained, samples: str, sizes: tuple[int, ...], w: float | None = None
) -> MeasureConfig:
    if config.exact:
        return MeasureConfig(world=config.world, samples=samples, sizes=sizes[:1], w=w)
    return MeasureConfig(
        world=config.world,
        samples=samples,
        evaluator=evaluator.name,
        classifier=t.classifier.name,
        sizes=tuple(dict.fromkeys(sizes)),
    )
