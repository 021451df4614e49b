"""Components by name: from this package, from other packages by entry point, or from the user as "package.module:Name".

guidance_bench.methods, .samplers, .worlds, .networks, .objectives, .checkpoints, .metrics, .features, .studies: see
guidance.registry.
"""

import dataclasses
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from experiments.graph.value import default, hints
from experiments.problems import Problem
from guidance.registry import Registry, Unknown, singular


def has(what: str, *names: str) -> Callable[[Any], None]:
    """A check: ValueError unless the candidate is a frozen dataclass, or an instance of one, with a name and one of `names`."""

    def check(found: Any) -> None:
        fits = dataclasses.is_dataclass(found) and isinstance(getattr(found, "name", None), str)
        if not fits or not any(callable(getattr(found, name, None)) for name in names):
            raise ValueError(f"is no {what}: a frozen dataclass with a name and {' or '.join(names)}")

    return check


def adapts(candidate: Any) -> None:
    """ValueError unless the candidate can be called."""
    if not callable(candidate):
        raise ValueError("is no adapter: a function of (path, device, world)")


WORLDS = Registry(
    "worlds",
    {
        "digits": "experiments.worlds.digits:Digits",
        "digits-exact": "experiments.worlds.digits_exact:DigitsExact",
        "gaussians": "experiments.worlds.gaussians:Gaussians",
        "mixture": "experiments.worlds.mixture:MixtureWorld",
        "fashion": "experiments.worlds.fashion:Fashion",
        "cifar10": "experiments.worlds.cifar10:Cifar10",
        "cifar10-jpeg": "experiments.worlds.cifar10:Cifar10Jpeg",
        "imagenet64": "experiments.worlds.imagenet:ImageNet64",
        "imagenet128": "experiments.worlds.imagenet:ImageNet128",
        "images": "experiments.worlds.images:Images",
        "paired": "experiments.worlds.paired:Paired",
    },
    has("world", "load"),
)
NETWORKS = Registry(
    "networks",
    {
        "unet": "experiments.networks.unet:UNet",
        "dit": "experiments.networks.dit:DiT",
        "timm": "experiments.networks.timm:Timm",
        "half-unet": "experiments.networks.half_unet:HalfUNet",
    },
    has("network", "denoiser", "noisy_classifier", "clean_classifier"),
)
OBJECTIVES = Registry(
    "objectives",
    {
        "denoising": "experiments.objectives.denoising:Denoising",
        "guidance-free": "experiments.objectives.guidance_free:GuidanceFree",
        "model-guidance": "experiments.objectives.model_guidance:ModelGuidance",
        "paired-denoising": "experiments.objectives.paired_denoising:PairedDenoising",
        "noisy-cross-entropy": "experiments.objectives.noisy_cross_entropy:NoisyCrossEntropy",
        "cross-entropy": "experiments.objectives.cross_entropy:CrossEntropy",
        "joint-energy": "experiments.objectives.joint_energy:JointEnergy",
        "guided-distillation": "experiments.objectives.guided_distillation:GuidedDistillation",
        "progressive-distillation": "experiments.objectives.progressive_distillation:ProgressiveDistillation",
    },
)
CHECKPOINTS = Registry(
    "checkpoints",
    {
        "adm-64": "experiments.checkpoints.adm:ADM_64",
        "adm-128": "experiments.checkpoints.adm:ADM_128",
        "adm-256": "experiments.checkpoints.adm:ADM_256",
        "adm-256-uncond": "experiments.checkpoints.adm:ADM_256_UNCOND",
        "adm-512": "experiments.checkpoints.adm:ADM_512",
        "adm-classifier-64": "experiments.checkpoints.adm_classifier:CLASSIFIER_64",
        "adm-classifier-128": "experiments.checkpoints.adm_classifier:CLASSIFIER_128",
        "adm-classifier-256": "experiments.checkpoints.adm_classifier:CLASSIFIER_256",
        "adm-classifier-512": "experiments.checkpoints.adm_classifier:CLASSIFIER_512",
        "consistency-edm-64": "experiments.checkpoints.consistency_edm:EDM_64",
        "consistency-edm-256-uncond": "experiments.checkpoints.consistency_edm:EDM_256_UNCOND",
        "edm": "experiments.checkpoints.edm:load",
        "edm2": "experiments.checkpoints.edm2:load",
        "dit-xl-2-256": "experiments.checkpoints.dit:DIT_XL_2_256",
        "dit-xl-2-512": "experiments.checkpoints.dit:DIT_XL_2_512",
        "diffusers": "experiments.checkpoints.diffusers_folder:load",
        "exported": "experiments.checkpoints.exported:load",
    },
    adapts,
)
METRICS = Registry("metrics", {"second_label": "experiments.second_label:SecondLabel"}, has("metric", "measure"))
FEATURES = Registry(
    "features",
    {
        "efficientnet-lite0": "experiments.features.efficientnet_lite0:EfficientNetLite0",
        "inception": "experiments.features.inception:Inception",
        "dinov2": "experiments.features.dinov2:DINOv2",
        "timm": "experiments.features.timm:Timm",
        "exported": "experiments.features.exported:Exported",
        "fashion-evaluator": "experiments.features.exported:FASHION_EVALUATOR",
        "fashion-judge": "experiments.features.exported:FASHION_JUDGE",
    },
    has("feature network", "load"),
)
STUDIES = Registry(
    "studies",
    {
        "digits": "experiments.studies.digits:STUDIES",
        "digits-exact": "experiments.studies.digits_exact:STUDIES",
        "fashion": "experiments.studies.fashion:STUDIES",
        "cifar10-jpeg": "experiments.studies.cifar10_jpeg:STUDIES",
        "cifar10-jpeg-dit": "experiments.studies.cifar10_jpeg:DIT_STUDIES",
        "gaussians": "experiments.studies.gaussians:STUDIES",
        "controls": "experiments.studies.controls:STUDIES",
        "controls-exact": "experiments.studies.controls:EXACT_STUDIES",
        "methods": "experiments.studies.methods:STUDIES",
        "classifiers": "experiments.studies.classifiers:STUDIES",
        "claims": "experiments.studies.claims:STUDIES",
        "one-forward": "experiments.studies.one_forward:STUDIES",
        "p-uncond-digits": "experiments.studies.dropout:P_UNCOND_DIGITS",
        "p-uncond-fashion": "experiments.studies.dropout:P_UNCOND_FASHION",
        "dropout-digits": "experiments.studies.dropout:DROPOUT_DIGITS",
        "weak-models-digits": "experiments.studies.weak_models:STUDIES",
        "distillation-digits": "experiments.studies.distillation:STUDIES",
        "two-conditions-digits": "experiments.studies.two_conditions:DIGITS_STUDIES",
        "two-conditions-fashion": "experiments.studies.two_conditions:FASHION_STUDIES",
        "two-conditions-exact": "experiments.studies.two_conditions:EXACT_STUDIES",
        "paper-cfg-digits": "experiments.studies.paper_cfg:DIGITS_STUDIES",
        "paper-cfg-fashion": "experiments.studies.paper_cfg:FASHION_STUDIES",
        "paper-adm-digits": "experiments.studies.paper_adm:DIGITS_STUDIES",
        "paper-adm-fashion": "experiments.studies.paper_adm:FASHION_STUDIES",
    },
)
GUIDANCE = {  # imported on first use, because these registries import torch
    "methods": "guidance.methods:METHODS",
    "samplers": "guidance.samplers:SAMPLERS",
    "densities": "guidance.schedules:DENSITIES",
    "grids": "guidance.grids:GRIDS",
    "weightings": "guidance.weightings:WEIGHTINGS",
}
OURS = {registry.kind: registry for registry in (WORLDS, NETWORKS, OBJECTIVES, CHECKPOINTS, METRICS, FEATURES, STUDIES)}


def registry(kind: str) -> Any:
    """The registry of a kind: a mapping from names to components."""
    if kind in OURS:
        return OURS[kind]
    module, _, name = GUIDANCE[kind].partition(":")
    return getattr(import_module(module), name)


def lookup(kind: str, name: str) -> Any:
    """The component with a name, or "package.module:Name". Problem, in one line, if it does not exist or cannot be loaded."""
    if ":" in name:
        return _elsewhere(kind, name)
    try:
        return registry(kind)[name]
    except Unknown as error:
        raise Problem(f"{error} (or package.module:Name of your own)") from error
    except (ImportError, ValueError) as error:
        raise Problem(str(error)) from error
    except KeyError:
        raise Problem(f"there is no {singular(kind)} {name!r}; known: {', '.join(registry(kind))}") from None


def named(kind: str) -> Any:
    """The type of a field for a component of one registry: an instance, its name, or {"is": its name, **its options}."""

    def resolve(given: Any) -> Any:
        if isinstance(given, str):
            given = {"is": given}
        if isinstance(given, dict):
            return build(kind, given)
        if isinstance(given, type):
            raise ValueError(f"{given.__name__} is a class: give an instance, as {given.__name__}()")
        return given

    return Annotated[Any, BeforeValidator(resolve)]


def build(kind: str, given: dict[str, Any]) -> Any:
    """The instance that {"is": name, **options} describes ("name" works like "is"). ValueError if it is not valid."""
    options = dict(given)
    name = options.pop("is", None) or options.pop("name", None)
    if not isinstance(name, str):
        raise ValueError(f'say which {singular(kind)}: its name, or {{"is": its name, ...}}')
    try:
        found = lookup(kind, name)
    except Problem as problem:
        raise ValueError(str(problem)) from problem
    return fill(found, options, name)


def fill(kind: type, options: dict[str, Any], name: str | None = None) -> Any:
    """An instance of a frozen dataclass with these options, each of its declared type. ValueError that names the option."""
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        return kind if not options else _no_options(name)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    name = name or kind.__name__
    if strange := sorted(set(options) - set(fields)):
        raise ValueError(f"{name} has no option {strange[0]!r}; it has {', '.join(fields) or 'none'}")
    if lacking := [key for key, f in fields.items() if key not in options and default(f) is dataclasses.MISSING]:
        raise ValueError(f"{name} needs {', '.join(lacking)}: say {'them' if lacking[1:] else 'it'}")
    if hasattr(kind, "__pydantic_config__"):
        return kind(**options)
    return kind(**{key: typed(kind, key, held) for key, held in options.items()})


def typed(kind: type, field: str, given: Any) -> Any:
    """`given` converted to the declared type of a dataclass field. ValueError, with the name of the field, if it is not valid."""
    try:
        return _adapter(hints(kind)[field]).validate_python(given)
    except ValidationError as error:
        what = error.errors()[0]
        raise ValueError(f"{field}: {what['msg']}, not {given!r}") from error


def _adapter(hint: Any) -> TypeAdapter:
    return TypeAdapter(hint, config={"arbitrary_types_allowed": True, "allow_inf_nan": False})


def _no_options(name: str | None) -> Any:
    raise ValueError(f"{name} is a value already, and takes no options")


def _elsewhere(kind: str, name: str) -> Any:
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")  # modules of the current folder, as `python -m` finds them
    try:
        return getattr(import_module(module), attribute)
    except (Exception, SystemExit) as error:  # user code, which may raise anything
        raise Problem(f"{kind}: {name} cannot be loaded ({type(error).__name__}: {error})") from error
