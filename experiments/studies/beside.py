"""What stands in the tables of a trade-off beside its methods: real data, and what the networks reach."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from experiments.studies.on_features import on_features
from experiments.studies.study import TABLE, Placed
from experiments.tasks.baselines import Draws, TestSet
from experiments.tasks.denoising_loss import DenoisingLoss
from experiments.tasks.densities import in_the_plane
from experiments.tasks.network_error import NetworkError
from experiments.tasks.real_features import StoredFeatures
from experiments.tasks.students import of_few_steps
from experiments.tasks.train import Train

NO_TRAINING = -1  # instead of a training seed
REAL = {"train_seed": NO_TRAINING, "method": "real", "w": None, "sampler": "", "steps": 0, "seed": NO_TRAINING}
ROLES = ("model", "classifier", "clean", "weak", "unconditional")


def baselines(study: Any) -> Iterator[Placed]:
    """Baselines that no method generated: test images; or, of an exact world, draws of the oracle itself.

    In the plane these are draws of the tilted density for every w, whose distances are the floor under a method's.
    """
    real = {"world": study.world.label, **REAL}
    if study.evaluator is not None:
        test = study.real or TestSet(world=study.world)
        yield Placed(TABLE, real, study.measured(test, (study.part,), study.train_seeds[0]))
        if not isinstance(study.real, StoredFeatures):
            yield from on_features(study, TestSet(world=study.world), (study.part,), real)
        for judge in study.judges:
            test = judge.real or TestSet(world=study.world)
            yield Placed(TABLE, real, judge.measure(test, (study.part,)))
        return
    planar = in_the_plane(study.world)
    ws = sorted({w for sweep in study.sweeps for w, _ in sweep.cells(study.methods)}) if planar else [None]
    for w, seed in product(ws, study.sample_seeds):
        place = {**real, "w": w, "seed": seed, "method": "tilted draws" if planar else "real"}
        yield Placed(TABLE, place, study.measured(Draws(world=study.world, n=study.n, w=w, seed=seed), (study.n,), seed, w))


def own_networks(study: Any, seed: int) -> Iterator[tuple[str, Any]]:
    """The networks of curves that have their own, each once, with what they are called."""
    seen = []
    for curve, role in product(study.methods, ("model", "weak")):
        if getattr(curve, role) is None or (source := study.network(role, seed, curve)) in seen:
            continue
        seen.append(source)
        yield f"{'denoiser' if role == 'model' else role} of {curve.label}", source


def networks(study: Any) -> Iterator[Placed]:
    """What the networks reach on the test set, and, in a world with an exact oracle, their errors."""
    names = {"model": "denoiser"}
    for seed, exact in study.models:
        if exact or seed == NO_TRAINING:
            continue
        for role in ROLES:
            if isinstance(source := study.network(role, seed), Train):
                place = {"world": study.world.label, "train_seed": seed, "network": names.get(role, role)}
                yield Placed("networks", place, source)
        for name, source in own_networks(study, seed):
            if isinstance(source, Train):
                yield Placed("networks", {"world": study.world.label, "train_seed": seed, "network": name}, source)
        if study.denoising_loss:
            yield from losses(study, seed)
        trained = {"denoiser": study.network("model", seed), "classifier": study.network("classifier", seed)}
        if study.oracle is not None and all(isinstance(source, Train) for source in trained.values()):
            place = {"world": study.world.label, "train_seed": seed}
            yield Placed("network_error", place, NetworkError(**trained))
    if isinstance(study.evaluator, Train):
        place = {"world": study.world.label, "train_seed": NO_TRAINING, "network": "evaluator"}
        yield Placed("networks", place, study.evaluator)
    for judge in study.judges:
        if isinstance(judge.classifier, Train):
            place = {"world": study.world.label, "train_seed": NO_TRAINING, "network": f"judge {judge.called}"}
            yield Placed("networks", place, judge.classifier)


def losses(study: Any, seed: int) -> Iterator[Placed]:
    """The loss of every trained model on test images: the study's own first, then those of curves, by the curves' labels.
    Students of few steps have none."""
    models = {"": study.network("model", seed)}
    models |= {curve.label: study.network("model", seed, curve) for curve in study.methods if curve.model is not None}
    for name, source in models.items():
        if isinstance(source, Train) and not of_few_steps(source):
            place = {"world": study.world.label, "train_seed": seed, "network": name or "plain"}
            yield Placed("denoising_loss", place, DenoisingLoss(denoiser=source, n=study.denoising_loss))
