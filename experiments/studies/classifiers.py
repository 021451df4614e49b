"""How much trouble is the classifier, and does it attack? `guidance-bench study classifiers`; `--full`: three trainings."""

from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from experiments.fields import Name
from experiments.graph.value import value
from experiments.networks import HalfUNet, Timm, UNet
from experiments.objectives.cross_entropy import CrossEntropy
from experiments.objectives.denoising import Denoising
from experiments.objectives.joint_energy import JointEnergy
from experiments.objectives.noisy_cross_entropy import NoisyCrossEntropy
from experiments.studies.by_world import ByWorld
from experiments.studies.guided import Guided
from experiments.studies.guides import Guides
from experiments.tasks.fit import Fit
from experiments.tasks.train import Train
from experiments.worlds.digits import Digits
from experiments.worlds.digits_exact import DigitsExact
from guidance.samplers.ddim import DDIM
from guidance.schedules import CosineLogSNR

ATTACKED = NoisyCrossEntropy(attack_radius=1.0, attack_steps=2)
IN_BOTH = ("plain", "half-unet", "robust")  # guides of digits-exact too
STEERED = ("classifier-free", "plain", "robust", "clean, of x", "plain, unconditional")  # there too


@value
class Classifiers(ByWorld):
    """The study of classifiers in several worlds."""

    report: ClassVar[str] = "guides"
    title: ClassVar[str] = "Classifiers that guide"
    name: Name
    worlds: Annotated[dict[str, Guides], Field(min_length=1)]

    @model_validator(mode="after")
    def in_its_place(self) -> "Classifiers":
        self.filed()
        return self


def guides(world: Any, fit: Fit) -> dict[str, Train]:
    """Noise-aware classifiers: three noise conditionings, two more architectures, one stopped early, one trained under attack."""

    def training(network: Any = "timm", objective: Any = "noisy-cross-entropy", fit: Fit = fit) -> Train:
        return Train(world=world, network=network, objective=objective, fit=fit)

    return {
        "plain": training(),
        "film": training(Timm(noise_conditioning="film")),
        "untold": training(Timm(noise_conditioning="none")),
        "half-unet": training(HalfUNet(size=8)),
        "vit": training(Timm(arch="test_vit", size=32)),
        "early": training(objective=NoisyCrossEntropy(augment=True), fit=replace(fit, patience=5)),
        "robust": training(objective=ATTACKED),
    }


def guided(ws: tuple[float, ...], levels: int) -> dict[str, Guided]:
    """What is sampled: guides on the conditional model, and some on the unconditional one, where 1 + w multiplies the gradient
    (but w = 0 is the conditional model, as of every method).

    The clean classifier's logits are steeper and take a quarter of w; normalised gradients a sixteenth; the implicit guide costs
    ten evaluations per gradient and level.
    """
    unconditional, quarter, sixteenth = (-1.0, 1.0, 3.0, 15.0), tuple(w / 4 for w in ws), tuple(w / 16 for w in ws)
    return {
        "classifier-free": Guided(method="classifier-free", ws=ws),
        "plain": Guided(method="classifier", classifier="plain", ws=ws),
        "robust": Guided(method="classifier", classifier="robust", ws=ws),
        "half-unet": Guided(method="classifier", classifier="half-unet", ws=ws),
        "clean, of x": Guided(method="clean-classifier", ws=quarter),
        "clean, through the denoiser": Guided(method="dps", ws=ws),
        "plain, softplus": Guided(method="classifier", classifier="plain", softplus=3.0, ws=ws),
        "plain, normalised": Guided(method="classifier", classifier="plain", normalised=True, ws=sixteenth),
        "plain, unconditional": Guided(method="classifier-unconditional", classifier="plain", ws=unconditional),
        "robust, unconditional": Guided(method="classifier-unconditional", classifier="robust", ws=unconditional),
        "implicit": Guided(method="classifier", implicit=True, levels=levels, ws=(0.0, 1.0, 4.0)),
    }


def study(
    steps: int,
    denoiser: int,
    denoiser_exact: int,
    joint: int,
    ws: tuple[float, ...],
    implicit: int,
    seeds_exact: tuple[int, ...] = (0,),
    **options: Any,
) -> Classifiers:
    """The study in both worlds, every classifier trained for `steps` steps.

    implicit: levels of the implicit guide. seeds_exact: the sampling seeds of the exact world, whose samples are cheap.
    """
    fit, digits, exact = Fit(steps=steps, weight_decay=0.05), Digits(), DigitsExact()

    def evaluator(world: Any, seed: int, network: Any) -> Train:
        return Train(world=world, network=network, objective=CrossEntropy(), fit=fit, seed=seed)

    def model(world: Any, steps: int) -> Train:
        return Train(world=world, network=UNet(), objective=Denoising(), fit=Fit(steps=steps, lr=2e-3))

    of_digits = Guides(
        name="classifiers-digits",
        world=digits,
        model=model(digits, denoiser),
        guides=guides(digits, fit),
        clean=evaluator(digits, 500, Timm()),
        evaluators={
            "byobnet": evaluator(digits, 900, Timm(arch="test_byobnet")),
            "convnext": evaluator(digits, 901, Timm(arch="test_convnext", size=32)),
        },
        joint=Train(
            world=digits,
            network=HalfUNet(width=16, attention=()),
            objective=JointEnergy(),
            fit=Fit(steps=joint, batch=64, lr=5e-4),
        ),
        guided=guided(ws, implicit),
        sampler=DDIM(eta=1.0),
        steps=16,
        **options,
    )
    of_exact = Guides(
        name="classifiers-digits-exact",
        world=exact,
        density=CosineLogSNR(min=-10.0, max=10.0),
        model=model(exact, denoiser_exact),
        guides={name: guide for name, guide in guides(exact, fit).items() if name in IN_BOTH},
        clean=evaluator(exact, 500, Timm()),
        guided={name: steered for name, steered in guided(ws, implicit).items() if name in STEERED},
        sampler=DDIM(eta=1.0),
        steps=16,
        clip=3.0,
        **{**options, "sample_seeds": seeds_exact},
    )
    return Classifiers(name="classifiers", worlds={"digits": of_digits, "digits-exact": of_exact})


QUICK = study(500, 1500, 800, 400, ws=(0.0, 4.0, 16.0), implicit=1, n=200, n_implicit=50, levels_implicit=4)
FULL = study(
    1200, 2500, 2500, 1000, ws=(0.0, 1.0, 4.0, 16.0), implicit=1,
    train_seeds=(0, 1, 2), sample_seeds=(0, 1), seeds_exact=tuple(range(8)), n=300, n_implicit=200, levels_implicit=8, noises=2,
)  # fmt: skip
STUDIES = {"quick": QUICK, "full": FULL}
