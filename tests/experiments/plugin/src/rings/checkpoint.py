"""An adapter: weights of a file in place of a network."""

from safetensors.torch import load_file

from guidance.diffusion import from_x


class Shrinks:
    """Believes in the middle: x = scale z."""

    def __init__(self, scale):
        self.scale = scale

    def __call__(self, z, logsnr, label):
        return from_x(z, self.scale.to(z) * z, logsnr)


def shrink(path, device, world):
    return Shrinks(load_file(path)["scale"].to(device))


def no_denoiser(path, device, world):
    return 5


def a_class(path, device, world):
    return Shrinks


def says_a_tensor(path, device, world):
    return lambda z, logsnr, label: z


def unpickles(path, device, world):
    import torch

    return torch.load(path, weights_only=True)
