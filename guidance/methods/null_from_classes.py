"""The null score from the classes. Ho & Salimans, 2022, arXiv 2207.12598, section 5.

eps~ = (1 + w) eps(z, c) - w sum_k p(k | z) eps(z, k)
"""

from dataclasses import dataclass

import torch

from guidance.cost import NFE
from guidance.denoiser import Denoiser, branches
from guidance.gradients import require_label
from guidance.level import labels_within, require_labels
from guidance.methods.classifier_free import extrapolate
from guidance.methods.method import Method
from guidance.scale import like


@dataclass(frozen=True)
class NullFromClasses(
    Method,
    name="null-from-classes",
    family="classifier-free",
    roles=("model", "classifier"),
    nfe_is_upper_bound=True,
    tilted=True,
):
    """Classifier-free guidance of a model that was never trained without a label: exact, at one forward per class.

    classes: their number, which a classifier's logits must have.
    """

    w: float = 1.0
    classes: int = 10

    def __post_init__(self):
        super().__post_init__()
        if self.rescale:
            raise ValueError(
                f"rescale needs the conditional prediction, of which {self.name} makes a row here and there: leave it at 0"
            )

    @property
    def nfe_per_call(self) -> NFE:
        """A forward per class and one of the classifier; less where the model has fewer classes."""
        return NFE(denoiser_forward=self.classes, classifier_forward=1)

    def guided(self, model: Denoiser, classifier) -> Denoiser:
        def guided(z, logsnr, label):
            prob = classifier(z, logsnr).softmax(-1)
            if prob.shape[1] > self.classes:
                raise ValueError(f"classes is {self.classes}, but the classifier has {prob.shape[1]}")
            require_labels(require_label(label, self.name), prob.shape[1])
            preds = branches(model, z, logsnr, [labels_within(torch.full_like(label, k), k, k) for k in range(prob.shape[1])])
            x, eps = (torch.stack([getattr(pred, name) for pred in preds], 1) for name in ("x", "eps"))
            rows = torch.arange(len(z), device=z.device)
            cond = preds[0]._replace(x=x[rows, label], eps=eps[rows, label])
            weight = like(prob.flatten(), x.flatten(0, 1)).view(len(z), -1, *(1,) * (z.ndim - 1))
            return extrapolate(cond, cond._replace(x=(weight * x).sum(1), eps=(weight * eps).sum(1)), self.w)

        return guided
