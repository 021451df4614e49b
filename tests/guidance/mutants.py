"""Methods that are wrong in the ways that methods are wrong, for test_mutants.py."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar

import torch

from guidance import NFE, Method
from guidance.backbones.perturb import IdentityAttention
from guidance.denoiser import Branch, branches
from guidance.diffusion import Prediction, alpha_sigma, from_eps
from guidance.gradients import log_prob_gradient
from guidance.methods.classifier import ClassifierGuidance
from guidance.methods.classifier_free import ClassifierFree
from guidance.methods.classifier_mean import ClassifierMean
from guidance.methods.pag import PerturbedAttention


@dataclass(frozen=True)
class ScaleOfOthers(ClassifierFree):
    """w read as guidance_scale: eps_null + w (eps_cond - eps_null), off at 1."""

    def __call__(self, model):
        return self.guided(model)

    def guided(self, model):
        def guided(z, logsnr, label):
            cond, null = branches(model, z, logsnr, [label, None])
            return Prediction(*(u + self.w * (c - u) for c, u in zip(cond[:2], null[:2], strict=True)))

        return guided


def cfg_with(combine):
    """A guided denoiser of cond, null, w and lambda."""

    def guided_of(self, model):
        def guided(z, logsnr, label):
            cond, null = branches(model, z, logsnr, [label, None])
            return from_eps(z, combine(cond.eps, null.eps, self.w, alpha_sigma(logsnr, z)[0]), logsnr)

        return guided

    return guided_of


WRONG = {
    "OppositeSign": lambda c, u, w, alpha: c - w * (c - u),
    "DoubleStrength": lambda c, u, w, alpha: c + 2 * w * (c - u),
    "OnTheUnconditional": lambda c, u, w, alpha: u + w * (c - u),
    "ScaledByAlpha": lambda c, u, w, alpha: c + alpha * w * (c - u),
}
NULL = {"requires_model": ("null",), "nfe_per_call": NFE(denoiser_forward=2)}
# derived from the real method, and with its declarations; and of a third party who declares nothing
OppositeSign, DoubleStrength, OnTheUnconditional, ScaledByAlpha = (
    type(name, (ClassifierFree,), {"guided": cfg_with(combine)}) for name, combine in WRONG.items()
)
UNDECLARED = {
    name: type(f"Undeclared{name}", (Method,), {"guided": cfg_with(one)}, name=name, family="correction", **NULL)
    for name, one in WRONG.items()
}


def gradient_with(combine):
    """A guided denoiser of eps, the gradient of the class `label + shift`, w and sigma."""

    def guided_of(self, model, classifier):
        def guided(z, logsnr, label):
            return from_eps(z, combine(self.w, z, logsnr, label, model(z, logsnr, label).eps, classifier), logsnr)

        return guided

    return guided_of


def downhill(w, z, logsnr, label, eps, classifier):
    return eps + w * alpha_sigma(logsnr, z)[1] * log_prob_gradient(classifier, z, logsnr, label)


def wrong_class(w, z, logsnr, label, eps, classifier):
    return eps - w * alpha_sigma(logsnr, z)[1] * log_prob_gradient(classifier, z, logsnr, (label + 1) % 3)


def without_sigma(w, z, logsnr, label, eps, classifier):
    return eps - w * log_prob_gradient(classifier, z, logsnr, label)


CLIMBS = {"Downhill": downhill, "WrongClass": wrong_class, "WithoutSigma": without_sigma}
Downhill, WrongClass, WithoutSigma = (
    type(name, (ClassifierGuidance,), {"guided": gradient_with(combine)}) for name, combine in CLIMBS.items()
)
GRADIENT = {"roles": ("model", "classifier"), "requires_model": ("gradient",), "nfe_per_call": ClassifierGuidance.nfe_per_call}
UNDECLARED |= {
    name: type(f"Undeclared{name}", (Method,), {"guided": gradient_with(one)}, name=name, family="gradient", **GRADIENT)
    for name, one in CLIMBS.items()
}


@dataclass(frozen=True)
class WeakPulls(PerturbedAttention):
    """Towards the perturbed branch."""

    def guided(self, model):
        return dataclasses.replace(self, w=-self.w).with_cfg(
            model, lambda z, logsnr, label: Branch(label, perturbation=IdentityAttention(layers=[0]))
        )


@dataclass(frozen=True)
class ShiftedTwice(ClassifierMean):
    """The mean shifted by twice what the variance allows for."""

    def guided(self, model, classifier):
        return super().guided(model, lambda z, logsnr: 2 * classifier(z, logsnr).log_softmax(-1))


@dataclass(frozen=True)
class Forgetful(ClassifierFree, jumps_at_zero="yes"):
    """An exception without a reason."""


@dataclass(frozen=True)
class XForgotten(ClassifierFree):
    """eps guided, x left as it was."""

    def guided(self, model):
        def guided(z, logsnr, label):
            cond, null = branches(model, z, logsnr, [label, None])
            return cond._replace(eps=(1 + self.w) * cond.eps - self.w * null.eps)

        return guided


@dataclass(frozen=True)
class NormOverTheBatch(ClassifierGuidance):
    """The gradient normalised by its norm over the whole batch."""

    def guided(self, model, classifier):
        def guided(z, logsnr, label):
            gradient = log_prob_gradient(classifier, z, logsnr, label)
            _, sigma = alpha_sigma(logsnr, z)
            return from_eps(z, model(z, logsnr, label).eps - self.w * sigma * gradient / gradient.norm(), logsnr)

        return guided


@dataclass(frozen=True)
class Momentum(ClassifierFree):
    """The guided directions of all calls are summed, in the method and not in its closure: the next trajectory has them too."""

    last: ClassVar[list] = []

    def guided(self, model):
        def guided(z, logsnr, label):
            cond, null = branches(model, z, logsnr, [label, None])
            self.last.append(cond.eps - null.eps)
            return from_eps(z, cond.eps + self.w * sum(self.last), logsnr)

        return guided


@dataclass(frozen=True)
class NullForNothing(ClassifierFree):
    """The unconditional branch is asked for at w = 0 too."""

    def __call__(self, model):
        return self.guided(model)

    def guided(self, model):
        def guided(z, logsnr, label):
            cond, null = branches(model, z, logsnr, [label, None])
            return cond if self.w == 0 else Prediction(*((1 + self.w) * c - self.w * u for c, u in zip(cond[:2], null[:2])))

        return guided


@dataclass(frozen=True)
class CountsOnce(ClassifierFree):
    """The guided call counted as one evaluation, as if it were not two."""

    def nfe(self, logsnrs) -> NFE:
        return NFE(denoiser_forward=len(logsnrs))


@dataclass(frozen=True)
class NoiseDrawn(ClassifierFree):
    """Randomness that is nobody's argument."""

    def guided(self, model):
        guided = super().guided(model)
        return lambda z, logsnr, label: guided(z + 0.01 * torch.randn_like(z), logsnr, label)


@dataclass(frozen=True)
class HookNeverInstalled(PerturbedAttention):
    """The weak branch is the model itself: nothing in it is perturbed."""

    def guided(self, model):
        return self.with_cfg(model, lambda z, logsnr, label: Branch(label))


@dataclass(frozen=True)
class ReducesInItsDocstring(ClassifierFree, reduces_to_cfg={"extra": 0.0}):
    """Said to be classifier-free guidance where `extra` is 0, and twice as strong."""

    extra: float = 1.0

    def guided(self, model):
        return ClassifierFree(w=2 * self.w).guided(model)


@dataclass(frozen=True)
class RunsAllTheSame(ClassifierFree):
    """Refuses samplers without noise, and says nothing when it is run with one."""

    def refuses(self, sampler):
        return None if sampler.stochastic or self.w == 0 else f"{self.name} needs noise"


@dataclass(frozen=True)
class OfNoFamily(ClassifierFree, family="corrections"):
    """Listed nowhere."""
