"""The null score from the classes. Ho & Salimans, 2022, arXiv 2207.12598, section 5.

eps~ = (1 + w) eps(z, c) - w sum_k p(k | z) eps(z, k)
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.methods.classifier_free import extrapolate
from guidance.methods.method import Method
from guidance.scale import like


@dataclass(frozen=True)
class NullFromClasses(Method):
    """Classifier-free guidance of a model that was never trained without a label: exact, and as dear as there are classes.

    classes: their number, which a classifier's logits must have.
    """

    w: float = 1.0
    classes: int = 10
    name: ClassVar[str] = "null-from-classes"
    family: ClassVar[str] = "classifier-free"
    roles: ClassVar[tuple[str, ...]] = ("model", "classifier")
    price_is_a_bound: ClassVar[bool] = True

    @property
    def price(self) -> NFE:
        """A forward a class and one of the classifier; less where the model has fewer classes."""
        return NFE(denoiser_forward=self.classes, classifier_forward=1)

    def guided(self, model: Denoiser, classifier) -> Denoiser:
        def guided(z, logsnr, label):
            share = classifier(z, logsnr).softmax(-1)
            if share.shape[1] > self.classes:
                raise ValueError(f"classes is {self.classes}, but the classifier knows {share.shape[1]}")
            every = branches(model, z, logsnr, [torch.full_like(label, k) for k in range(share.shape[1])])
            x, eps = (torch.stack([getattr(one, name) for one in every], 1) for name in ("x", "eps"))
            cond = every[0]._replace(x=x[torch.arange(len(z)), label], eps=eps[torch.arange(len(z)), label])
            weight = like(share.flatten(), x.flatten(0, 1)).view(len(z), -1, *(1,) * (z.ndim - 1))
            return extrapolate(cond, cond._replace(x=(weight * x).sum(1), eps=(weight * eps).sum(1)), self.w)

        return guided
