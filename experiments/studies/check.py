"""What must fit together in a study of methods: one sentence, before any work, that names the fields."""

from typing import Any

from pydantic import ValidationError

from experiments.graph.value import encode
from experiments.tasks.densities import in_the_plane
from experiments.tasks.real_features import StoredFeatures
from experiments.tasks.sources import Checkpoint, refused
from experiments.tasks.train import Train
from guidance.compute import Compute
from guidance.schedules import CosineLogSNR
from guidance.trained_strength import TrainedStrength

TRAINED = ("model", "classifier", "evaluator", "clean", "weak", "unconditional")

OWN = ("model", "weak")  # that a curve may have for itself


def check_trade_off(study: Any) -> None:
    """ValueError for networks of another world, an evaluator that guides, methods that cannot run, or too few samples."""
    _one_world(study)
    if study.oracle is not None and not study.world.exact:
        raise ValueError(f"oracle: {study.world.label} has none")
    if study.model is None and study.oracle is None:
        raise ValueError("model: give one, or the oracle of an exact world")
    if study.model is None and study.compute != Compute():
        raise ValueError("compute: an exact model is no network; leave it out")
    _of_model(study)
    if (study.evaluator is None) != study.world.exact:
        raise ValueError("evaluator: a world with an exact oracle needs none, and any other needs one")
    if isinstance(study.evaluator, Checkpoint) and study.real is None:
        raise ValueError("real: an evaluator that is a checkpoint needs its features of real images beside it")
    if getattr(study.real, "evaluator", study.evaluator) != study.evaluator:
        raise ValueError("real: its features are of another evaluator")
    _independent(study)
    _judges(study)
    _enough(study)
    _features(study)
    labels = [curve.label for curve in study.methods]
    if len(set(labels)) < len(labels):
        raise ValueError(f"methods: {next(source for source in labels if labels.count(source) > 1)} stands there twice")
    _once(study)
    names = {curve.method.name for curve in study.methods}
    if strange := sorted({name for sweep in study.sweeps for name in sweep.methods or ()} - names):
        raise ValueError(f"sweeps: {strange[0]!r} is none of the study's methods, {', '.join(sorted(names))}")
    for sweep in study.sweeps:
        if sweep.snapshot is not None and sweep.snapshot not in getattr(getattr(study.model, "fit", None), "snapshots", ()):
            raise ValueError(f"sweeps: the model keeps no snapshot after {sweep.snapshot} steps: set model.fit.snapshots")
        for w, curve in sweep.cells(study.methods):
            if why := curve.at(w).refuses(sweep.sampler):
                raise ValueError(f"sweeps: {why}")
            if why := refused(curve.model or study.model, curve.at(w), sweep.sampler, sweep.steps, sweep.grid):
                raise ValueError(f"sweeps: {why}")
            _possible(study, curve)


def _once(study: Any) -> None:
    """ValueError for two sweeps that share a cell."""
    seen = set()
    for sweep in study.sweeps:
        for w, curve in sweep.cells(study.methods):
            cell = (sweep.label, sweep.steps, sweep.snapshot, curve.label, w)
            if cell in seen:
                raise ValueError(f"sweeps: two have {curve.label} at w = {w:g} with {sweep.label} of {sweep.steps} steps")
            seen.add(cell)


def _one_world(study: Any) -> None:
    sources = {role: getattr(study, role) for role in (*TRAINED, "real")}
    sources |= {f"methods.{i}.{role}": getattr(curve, role) for i, curve in enumerate(study.methods) for role in OWN}
    sources |= {f"judges.{i}.{role}": getattr(one, role) for i, one in enumerate(study.judges) for role in ("classifier", "real")}
    sources = dict(_of_training(role, source) for role, source in sources.items())
    trainings = {role: source for role, source in sources.items() if isinstance(source, Train)}
    files = {role: source for role, source in sources.items() if isinstance(source, (Checkpoint, StoredFeatures))}
    for role, source in {**trainings, **files, "oracle": study.oracle}.items():
        if source is None or source.world == study.world:
            continue
        if encode(source.world, whole=False) != encode(study.world, whole=False):
            raise ValueError(f"{role}: it is of the world {source.world.label}, and the study of {study.world.label}")
        if role in trainings:  # what is known by its file needs no images
            raise ValueError(f"{role}: its images lie elsewhere than the study's: set {role}.world to the same place as world")
    for role, source in trainings.items():
        seeded = role.partition(".")[0] in ("methods", "model", "classifier", "weak", "unconditional")
        if seeded and (source.seed or source.objective.density not in (CosineLogSNR(), study.density)):
            raise ValueError(f"{role}: its seed and density are set by train_seeds and density: change those")


def _of_training(role: str, source: Any) -> tuple[str, Any]:
    """A source and where it stands; of a guide its classifier, of what plays another state of a training that training."""
    for part in ("classifier", "training"):
        if (inside := getattr(source, part, None)) is not None:
            role, source = f"{role}.{part}", inside
    return role, source


def _of_model(study: Any) -> None:
    """ValueError for a source that is the model in another state, where the model has no such state."""
    sources = {role: getattr(study, role) for role in TRAINED}
    sources |= {f"methods.{i}.{role}": getattr(curve, role) for i, curve in enumerate(study.methods) for role in OWN}
    for role, source in sources.items():
        if hasattr(source, "of_model"):
            try:
                source.of_model(study.model)
            except ValueError as error:
                reason = error.errors()[0]["msg"].removeprefix("Value error, ") if isinstance(error, ValidationError) else error
                raise ValueError(f"{role}: {reason}") from error


def _independent(study: Any) -> None:
    evaluator, guide = study.evaluator, study.classifier
    if not (isinstance(evaluator, Train) and isinstance(guide, Train)):
        return
    if arch(evaluator) == arch(guide) or evaluator.seed in study.train_seeds:
        raise ValueError("evaluator: it must be independent of the guide, of another arch and with another seed")


def _judges(study: Any) -> None:
    """ValueError for judges of an exact world, without real images, under the label of others, or not independent of them."""
    if study.judges and study.evaluator is None:
        raise ValueError(f"judges: {study.world.label} has an exact oracle, which measures: leave them out")
    labels = [study.world.label, *(network.label for network in study.features)]
    trained = {role: held for role in ("evaluator", "classifier", "clean") if isinstance(held := getattr(study, role), Train)}
    for i, judge in enumerate(study.judges):
        made, where = judge.classifier, f"judges.{i}"
        if judge.label in labels:
            raise ValueError(f"{where}.called: {judge.label} is the label of others too: their columns would be one")
        if isinstance(made, Checkpoint) and judge.real is None:
            raise ValueError(f"{where}.real: a judge that is a checkpoint needs its features of real images beside it")
        if getattr(judge.real, "evaluator", made) != made:
            raise ValueError(f"{where}.real: its features are of another classifier")
        if isinstance(made, Train):
            alike = [role for role, source in trained.items() if arch(source) == arch(made)]
            if alike or made.seed in (*study.train_seeds, *(source.seed for source in trained.values())):
                other = f"the {alike[0]}" if alike else "others"
                raise ValueError(f"{where}.classifier: it must be independent of {other}, of another arch and with another seed")
            trained[where] = made
        labels.append(judge.label)


def _enough(study: Any) -> None:
    """Enough samples for what is measured of them."""
    if study.part > study.n:
        raise ValueError(f"part ({study.part}) cannot exceed n ({study.n})")
    least = study.world.classes * (6 if in_the_plane(study.world) else 2)
    if (smallest := min(study.n, study.part) if study.evaluator else study.n) < least:
        field = "part" if study.evaluator else "n"
        raise ValueError(
            f"{field} must be at least {least}, {least // study.world.classes} samples of each class, not {smallest}"
        )


def _features(study: Any) -> None:
    """ValueError for feature networks of points, two under one label, or a reference of none of them."""
    labels = [network.label for network in study.features]
    if study.features and len(study.world.shape) != 3:
        raise ValueError(f"features: they are of images, and the samples of {study.world.label} are points")
    if study.features and study.evaluator is None:
        raise ValueError(f"features: {study.world.label} has an exact oracle, which measures: leave them out")
    if len({*labels, study.world.label}) <= len(labels):
        raise ValueError(
            f"features: two have one label among {', '.join(labels)}, {study.world.label}: their columns would be one"
        )
    if strange := sorted(set(study.references) - set(labels)):
        raise ValueError(
            f"references: {strange[0]!r} is the label of none of the features, {', '.join(labels) or 'of which there are none'}"
        )
    for label, reference in study.references.items():
        if reference.network.label != label:
            raise ValueError(f"references: that of {label!r} has features of {reference.network.label}")
        if reference.k != study.protocol.k:
            raise ValueError(
                f"references: the balls of {label!r} are of k = {reference.k}, and the protocol's of k = {study.protocol.k}"
            )


def _possible(study: Any, curve: Any) -> None:
    """ValueError for a method that the study's networks, and its curve's own, do not allow."""
    method = curve.method
    trained, needs = study.model is not None, set(method.requires_model)
    for role in method.roles:
        needed = "clean" if role == "loss" else role
        if trained and hasattr(study, needed) and (getattr(curve, needed, None) or getattr(study, needed)) is None:
            raise ValueError(f"methods: {method.name} needs a network for its role {role!r}; set {needed}")
    for own in OWN:
        role, source = _of_training(own, getattr(curve, own) or getattr(study, own))
        if isinstance(source, Train) and getattr(source.objective, "p_uncond", None) == 1:
            role = role if getattr(curve, own) is None else f"methods: {curve.label}: its {role}"
            raise ValueError(f"{role}: its training drops every label (objective.p_uncond is 1): it can be `unconditional` alone")
    objective = getattr(curve.model or study.model, "objective", None)
    knows_groups = trained and (getattr(objective, "groups", 0) or getattr(objective, "of_pairs", False))
    head = trained and getattr(getattr(curve.model or study.model, "network", None), "internal_head", 0)
    lacking = {
        "a model that knows the null label: its training drops no label (objective.p_uncond is 0)": trained
        and "null" in needs
        and getattr(objective, "p_uncond", None) == 0,
        "a discriminator of the model's samples, and no study trains one": trained and "discriminator" in method.roles,
        "a model that knows groups of classes: set model.objective.groups": trained and "groups" in needs and not knows_groups,
        "a model with an internal head: set model.network.internal_head and model.objective.internal_weight": "internal" in needs
        and not head,
        "a network whose layers can be perturbed, and an exact model has none": study.oracle is not None
        and {"attention", "embedding"} & needs,
        f"images, and the samples of {study.world.label} are points": "image" in needs and len(study.world.shape) != 3,
    }
    if isinstance(method, TrainedStrength):
        model = curve.model or study.model
        training = getattr(model, "training", model)
        objective, network = (getattr(training, name, None) for name in ("objective", "network"))
        taught = getattr(objective, "guided_by", getattr(objective, "name", None))
        fits = taught == method.name and getattr(network, "strength", False)
        words = (
            f"a network trained for it: set model.objective to one that trains {method.name}, and model.network.strength to true"
        )
        lacking[words] = study.oracle is not None or not (fits or objective is None)  # a file does not say what it learned
    if missing := [words for words, applies in lacking.items() if applies]:
        raise ValueError(f"methods: {method.name} needs {missing[0]}")


def arch(training: Train) -> str:
    """What a network is told apart by: the architecture of one of timm, or its kind."""
    return getattr(training.network, "arch", training.network.name)
