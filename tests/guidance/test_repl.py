"""What is wrong with an argument is said in one sentence that names it and the right form, in a notebook too."""

import pytest
import torch
from torch import nn
from worlds import mixture, networks

from guidance import METHODS, SAMPLERS, CosineLogSNR, branches, sample
from guidance.registry import Registry, Unknown

WORLD = mixture(torch.float32)
LABEL, GRID = torch.arange(6) % 3, CosineLogSNR(-5.0, 5.0).grid(4)


def draw(denoiser=WORLD, sampler=None, logsnrs=GRID, label=LABEL, shape=(2,)):
    return sample(denoiser, SAMPLERS["ddim"]() if sampler is None else sampler, logsnrs, label, shape, seed=0)


class Network(nn.Module):
    def forward(self, z, logsnr, label):
        return z


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"label": 3}, "label must be .* as torch.full((16,), 3) for 16 samples of class 3, not 3"),
        ({"label": [0, 1]}, "label must be .* as torch.tensor([0, 1]), not a list"),
        ({"label": None}, "label must be .*, not a NoneType"),
        ({"label": torch.rand(3)}, "label must be .*, not torch.float32 of shape (3,)"),
        ({"label": torch.tensor(3)}, "label must be .*, not torch.int64 of shape ()"),
        ({"logsnrs": 50}, "logsnrs must be a tensor of increasing lambdas, as CosineLogSNR().grid(50), not 50"),
        ({"logsnrs": [0.0, 1.0]}, "logsnrs must be a tensor .* not a list"),
        ({"sampler": SAMPLERS["ddim"]}, "sampler must be an instance, as DDIM(...), not the class DDIM"),
        ({"sampler": "ddim"}, "sampler must be an object, not its name 'ddim': look it up, as SAMPLERS['ddim']()"),
        ({"denoiser": METHODS["cfg"]}, "denoiser must be an instance, as ClassifierFree(...), not the class ClassifierFree"),
        ({"denoiser": METHODS["cg"](w=2.0)}, "denoiser must be .* as ClassifierGuidance(w=2)(model, classifier), not the method"),
        ({"denoiser": Network()}, "denoiser must give a Prediction, not a tensor: wrap a network, as NetworkDenoiser("),
        ({"shape": 2}, "shape must be that of one sample, as (1, 28, 28), not 2"),
    ],
)
def test_an_argument_of_sample_is_named(arguments, words):
    with pytest.raises(TypeError) as error:
        draw(**arguments)
    start, _, end = words.partition(" .*")
    assert str(error.value).startswith(start) and end.strip() in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_names_a_grid_that_is_none(name):
    with pytest.raises(TypeError, match="logsnrs must be a tensor of increasing lambdas"):
        draw(sampler=SAMPLERS[name](), logsnrs=16)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: METHODS["cfg"](WORLD), r"w must be a number, as in ClassifierFree\(w=1.0\)\(model\), not a Mixture"),
        (lambda: METHODS["cg"](WORLD, WORLD), r"w must be a number, as in ClassifierGuidance\(w=1.0\)\(model, classifier\)"),
        (lambda: METHODS["cfg"]("3"), r"w must be a number, as in ClassifierFree\(w=1.0\)\(model\), not a str"),
        (lambda: METHODS["cg"](w=1.0)(WORLD), "classifier takes the roles model, classifier, not model"),
        (lambda: METHODS["cg"](w=1.0)(WORLD, Network), r"classifier must be an instance, as Network\(...\), not the class"),
        (lambda: METHODS["cg"](w=1.0)(WORLD, lambda x: x), r"classifier must be called with \(z, logsnr\).*be the role clean"),
        (lambda: METHODS["cg"](w=0.0)(WORLD, nn.Linear(2, 3)), r"classifier must be called with \(z, logsnr\), which Linear"),
        (lambda: METHODS["dps"](w=1.0)(WORLD, WORLD.class_logits), r"clean must be called with \(x\).*be the role classifier"),
        (lambda: METHODS["cg"](w=1.0)(WORLD, 3), r"classifier must be called with \(z, logsnr\), which int cannot be"),
        (lambda: METHODS["cfg"](w=1.0)(METHODS["cfg"](w=1.0)), "model must be a Denoiser and no method: give classifier-free"),
        (lambda: METHODS["cfg"](w=1.0)(METHODS["apg"]), r"model must be an instance, as APG\(...\), not the class APG"),
    ],
)
def test_a_role_of_a_method_is_named(call, words):
    with pytest.raises(TypeError, match=words):
        call()


def test_a_mixture_is_its_own_classifier():
    z, logsnr = torch.randn(6, 2), torch.zeros(6)
    ours, wanted = (METHODS["cg"](w=1.0)(WORLD, one)(z, logsnr, LABEL) for one in (WORLD, WORLD.class_logits))
    assert torch.equal(ours.eps, wanted.eps)
    assert torch.equal(
        draw(METHODS["null-from-classes"](w=1.0)(WORLD, WORLD)),
        draw(METHODS["null-from-classes"](w=1.0)(WORLD, WORLD.classifier())),
    )


@pytest.mark.parametrize(
    "name", ["classifier", "classifier-unconditional", "classifier-mean", "gradient-free", "null-from-classes"]
)
def test_a_label_out_of_range_is_named_under_classifier_guidance(name):
    model, classifier = networks()
    free = lambda z, logsnr, label: model(z, logsnr, None if label is None else label % 3)  # noqa: E731, of any label
    guided = METHODS[name](w=1.0)(free, classifier)
    with pytest.raises(ValueError, match="label reaches from 0 to 7: the classes are 0 to 2"):
        guided(torch.zeros(2, 1, 8, 8), torch.zeros(2), torch.tensor([0, 7]))


def test_aliases_are_found_and_listed_nowhere():
    assert METHODS["cfg"] is METHODS["classifier-free"] and METHODS["cg"] is METHODS["classifier"] and "cfg" in METHODS
    assert "cfg" not in list(METHODS) and "cg" not in METHODS.names and len(METHODS) == len(set(METHODS.values()))
    own = Registry(
        "methods", {"cfg": int, "classifier-free": float}, aliases={"cfg": "classifier-free", "free": "classifier-free"}
    )
    assert own["cfg"] is int and own["free"] is float, "an entry comes before an alias"


@pytest.mark.parametrize(
    ("name", "words"),
    [("cfgg", "did you mean 'cfg', 'tcfg' or 'c2fg'"), ("agp", "'apg'"), ("xyzzy", "known: classifier, .*temperature$")],
)
def test_a_name_that_stands_for_nothing_is_answered_with_the_nearest(name, words):
    with pytest.raises(Unknown, match=f"there is no method '{name}'; .*{words}"):
        METHODS[name]


def test_a_bare_network_under_guidance_is_named():
    with pytest.raises(TypeError, match="a network is no Denoiser"):
        branches(Network(), torch.zeros(2, 2), torch.zeros(2), [LABEL[:2], None])
