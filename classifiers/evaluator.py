"""p(c | x) on clean images: the evaluator whose features carry the metrics. It never guides."""

from jaxtyping import Float
from torch import Tensor, nn

from classifiers.backbone import create
from classifiers.enlarge import enlarge


class Evaluator(nn.Module):
    """A timm network on clean images (b, channels, h, w) in [-1, 1]."""

    def __init__(self, arch: str, channels: int, num_classes: int, size: int):
        super().__init__()
        self.size = size
        self.network = create(arch, channels, num_classes, size)

    def features(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
        """The layer before the classifying one, pooled."""
        return self.network.forward_head(self.network.forward_features(enlarge(x, self.size)), pre_logits=True)

    def head(self, features: Float[Tensor, "b d"]) -> Float[Tensor, "b classes"]:
        """The logits that belong to `features`."""
        return self.network.get_classifier()(features)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b classes"]:
        return self.head(self.features(x))
