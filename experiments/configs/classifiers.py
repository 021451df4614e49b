"""How much trouble is the classifier, and does it attack? `guidance-bench study classifiers`; `--full`: two trainings."""

from experiments.classifier_networks import ClassifierConfig, EvaluatorConfig, HalfUNetConfig, JointEnergyConfig
from experiments.classifiers_config import ClassifiersConfig, Guided, GuidesConfig
from experiments.fit import FitConfig
from experiments.networks import DenoiserConfig, DensityConfig
from experiments.sample import GuideConfig, SamplerConfig

SAMPLER = SamplerConfig(name="ddim", steps=16, options={"eta": 1.0})
ATTACKED = {"attack_radius": 1.0, "attack_steps": 2}
IN_BOTH = ("plain", "half-unet", "robust")  # guides of digits-exact too
STEERED = ("classifier-free", "plain", "robust", "clean, of x", "plain, unconditional")  # there too


def guides(world: str, fit: FitConfig) -> dict[str, ClassifierConfig]:
    """Noise-aware classifiers: told lambda three ways, two more architectures, one stopped early, one trained under attack."""
    own = {"world": world, "fit": fit}
    return {
        "plain": ClassifierConfig(**own),
        "film": ClassifierConfig(told="film", **own),
        "untold": ClassifierConfig(told="none", **own),
        "half-unet": ClassifierConfig(arch="half-unet", size=8, **own),
        "vit": ClassifierConfig(arch="test_vit", size=32, **own),
        "early": ClassifierConfig(world=world, augment=True, fit=fit.model_copy(update={"patience": 5})),
        "robust": ClassifierConfig(**ATTACKED, **own),
    }


def guided(ws: tuple[float, ...], levels: int) -> dict[str, Guided]:
    """What is sampled: guides on the conditional model, and some on the unconditional one, where 1 + w multiplies the gradient
    (but w = 0 is the conditional model, as of every method).

    The clean classifier's logits are steeper and take a quarter of w; normalised gradients a sixteenth; the implicit guide costs
    ten evaluations a gradient and level.
    """
    unconditional = (-1.0, 1.0, 3.0, 15.0)
    return {
        "classifier-free": Guided(method="classifier-free", ws=ws),
        "plain": Guided(method="classifier", classifier="plain", ws=ws),
        "robust": Guided(method="classifier", classifier="robust", ws=ws),
        "half-unet": Guided(method="classifier", classifier="half-unet", ws=ws),
        "clean, of x": Guided(method="clean-classifier", ws=tuple(w / 4 for w in ws)),
        "clean, through the denoiser": Guided(method="dps", ws=ws),
        "plain, softplus": Guided(method="classifier", classifier="plain", guide=GuideConfig(softplus=3.0), ws=ws),
        "plain, normalised": Guided(
            method="classifier", classifier="plain", guide=GuideConfig(normalised=True), ws=tuple(w / 16 for w in ws)
        ),
        "plain, unconditional": Guided(method="classifier-unconditional", classifier="plain", ws=unconditional),
        "robust, unconditional": Guided(method="classifier-unconditional", classifier="robust", ws=unconditional),
        "implicit": Guided(method="classifier", guide=GuideConfig(implicit=True, levels=levels), ws=(0.0, 1.0, 4.0)),
    }


def worlds(
    steps: int, denoiser: int, denoiser_exact: int, joint: int, ws: tuple[float, ...], implicit: int, **own: object
) -> ClassifiersConfig:
    """The study in both worlds, every classifier trained for so many steps; implicit: levels of the implicit guide."""
    fit = FitConfig(steps=steps, weight_decay=0.05)
    digits = GuidesConfig(
        world="digits",
        denoiser=DenoiserConfig(fit=FitConfig(steps=denoiser, lr=2e-3)),
        guides=guides("digits", fit),
        clean=EvaluatorConfig(arch="test_resnet", seed=500, fit=fit),
        judges={
            "byobnet": EvaluatorConfig(fit=fit),
            "convnext": EvaluatorConfig(arch="test_convnext", size=32, seed=901, fit=fit),
        },
        joint=JointEnergyConfig(half=HalfUNetConfig(width=16, attention=()), fit=FitConfig(steps=joint, batch=64, lr=5e-4)),
        guided=guided(ws, implicit),
        sampler=SAMPLER,
        **own,
    )
    exact = GuidesConfig(
        world="digits-exact",
        logsnr=DensityConfig(name="cosine", options={"min": -10.0, "max": 10.0}),
        denoiser=DenoiserConfig(world="digits-exact", fit=FitConfig(steps=denoiser_exact, lr=2e-3)),
        guides={name: one for name, one in guides("digits-exact", fit).items() if name in IN_BOTH},
        clean=EvaluatorConfig(world="digits-exact", arch="test_resnet", seed=500, fit=fit),
        guided={name: one for name, one in guided(ws, implicit).items() if name in STEERED},
        sampler=SAMPLER,
        clip=3.0,
        **own,
    )
    return ClassifiersConfig(worlds={"digits": digits, "digits-exact": exact})


QUICK = worlds(500, 1500, 800, 400, ws=(0.0, 4.0, 16.0), implicit=1, n=200, n_implicit=50, levels_implicit=4)
FULL = worlds(
    1200, 2500, 2500, 1000, ws=(0.0, 1.0, 4.0, 16.0), implicit=1,
    train_seeds=(0, 1), sample_seeds=(0, 1), n=300, n_implicit=200, levels_implicit=8, noises=2,
)  # fmt: skip
STUDIES = {"quick": QUICK, "full": FULL}
