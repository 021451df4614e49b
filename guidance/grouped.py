"""Two conditions in one label: the ids 0..classes-1 are classes, those after them groups; class c is of group c mod groups.

A group's id means "of this group, whichever class": the coarse condition alone. The null label comes after both. A model that
knows groups has their number in `groups`, next to `num_classes`.
"""

from collections.abc import Sequence

from jaxtyping import Float, Int
from torch import Tensor, nn

from guidance.denoiser import Branch, Denoiser, Label, plain_label
from guidance.diffusion import Prediction
from guidance.level import labels_within, require_labels
from guidance.mixture import Mixture


def group_label(model: Denoiser, label: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
    """The label id of each class's group, or of a pair's second condition (guidance.paired). ValueError for a model that knows
    no groups.
    """
    if (coarse := getattr(model, "coarse_label", None)) is not None:
        return coarse(label)
    groups = getattr(model, "groups", 0)
    if not groups:
        raise ValueError("the model knows no groups of classes: train one with guidance.objective.drop_two_labels")
    classes = model.num_classes  # type: ignore[attr-defined]  # declared next to groups
    return labels_within(classes + label % groups, classes, classes + groups - 1)


class Grouped(nn.Module):
    """An exact Denoiser of a mixture that knows its classes and their groups."""

    def __init__(self, mixture: Mixture, groups: int = 2):
        super().__init__()
        self.mixture, self.groups, self.num_classes = mixture, groups, mixture.classes

    def forward(self, z: Float[Tensor, "b *shape"], logsnr: Float[Tensor, " b"], label: Label) -> Prediction:
        """E[x | z, label] and E[eps | z, label]; a label from `classes` on is a group's."""
        if label is None:
            return self.mixture.forward(z, logsnr, None)
        require_labels(label, self.num_classes + self.groups)
        log_joint, x, eps = self.mixture._components(z, logsnr)
        classes = self.mixture.labels.to(label.device)
        matching = (classes == label[:, None]) | (classes % self.groups == label[:, None] - self.num_classes)
        share = log_joint.masked_fill(~matching, -float("inf")).softmax(-1)[..., None]
        return Prediction((share * x).sum(1).view_as(z), (share * eps).sum(1).view_as(z))

    def branches(self, z: Tensor, logsnr: Tensor, labels: Sequence[Label | Branch]) -> list[Prediction]:
        """One prediction per entry of `labels`, which must be plain labels."""
        return [self(z, logsnr, plain_label(entry)) for entry in labels]
