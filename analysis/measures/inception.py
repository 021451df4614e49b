"""The Inception-v3 of Fréchet Inception distances: torch-fidelity's port of the TensorFlow graph of 2015, with given weights."""

from collections.abc import Mapping
from unittest.mock import patch

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch_fidelity import feature_extractor_inceptionv3 as theirs

SPATIAL, CHANNELS = (
    "spatial",
    7,
)  # of sFID: the first 7 channels of mixed_6/conv at 17 x 17 places (Nash et al., arXiv 2103.03841)
LOGITS = "logits_unbiased"  # without the bias, as in the original Inception score and in ADM's evaluator


class Inception(nn.Module):
    """uint8 images (b, 3, h, w) -> (features (b, d), logits (b, 1008)), resized to 299 as TensorFlow 1 did.

    layer: "2048", the pooled one of FID, or "64", "192", "768", or "spatial", the 2,023 numbers of sFID. ValueError for weights
    of another network.
    """

    def __init__(self, state: Mapping[str, Tensor], layer: str = "2048"):
        super().__init__()
        self.seen: list[Tensor] = []
        names = [LOGITS] if layer == SPATIAL else [layer, LOGITS]
        # torch-fidelity would unpickle the file itself, or fetch it: neither happens here, the tensors are handed to it
        with patch.object(theirs, "load_state_dict_from_url", lambda *args, **options: state):
            try:
                self.network = theirs.FeatureExtractorInceptionV3("inception-v3-compat", names, verbose=False)
            except (RuntimeError, KeyError, AttributeError) as error:
                raise ValueError(
                    f"these are no weights of torch-fidelity's Inception-v3: {str(error).splitlines()[0]}"
                ) from error
        if layer == SPATIAL:  # torch-fidelity does not offer it: TensorFlow's mixed_6 is its Mixed_6d
            self.network.Mixed_6d.branch1x1.register_forward_hook(lambda module, given, out: self.seen.append(out))

    @torch.inference_mode()
    def forward(self, images: UInt8[Tensor, "b 3 h w"]) -> tuple[Float[Tensor, "b d"], Float[Tensor, "b 1008"]]:
        made = self.network(images)
        return made if not self.seen else (self.seen.pop()[:, :CHANNELS].flatten(1).float(), *made)
