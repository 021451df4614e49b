"""A trajectory is a function of labels and indices alone, so that what was captured once may be replayed for other samples.

There is no GPU here. What a CUDA graph keeps, the operations and nothing of the Python around them, a trace keeps too: it is made
for one batch and run for another. The graph's own calls are stood in for by such a trace.
"""

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from waves import Waves

from guidance import METHODS, SAMPLERS, Clipped, sample
from guidance.captured import Captured
from guidance.law_kit import LAW_LOGSNRS, SHAPE, W, make_kit
from guidance.level import labels_within

CASES = [
    ("classifier-free", {"logsnr_min": -4.0, "logsnr_max": 4.0}, "ddim"),
    ("classifier-free", {}, "ancestral"),
    ("cads", {}, "ddpm"),
    ("cfg++", {}, "ddim"),
    ("classifier", {}, "ddim"),
    ("icg", {}, "ancestral"),
    ("negative", {}, "ddim"),
]


def trajectory_of(name, options, sampler, monkeypatch):
    monkeypatch.setattr("guidance.sampling.SampleNoise", Waves)
    kit, levels = make_kit(METHODS[name]), LAW_LOGSNRS[:3]

    def trajectory(label, indices):
        label = labels_within(label, 0, 2)
        roles = {**kit.roles, "levels": tuple(levels.tolist()), "noise": Waves(0, indices, SHAPE, purpose="method")}
        method = METHODS[name](w=W, **options)
        guided = Clipped(method(**{role: roles[role] for role in method.roles}))
        return sample(guided, SAMPLERS[sampler](), levels, label, SHAPE, 0, indices)

    return trajectory


def batch(first, n=3):
    indices = torch.arange(first, first + n)
    return indices % 3, indices


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options", "sampler"), CASES, ids=[f"{name}-{sampler}" for name, _, sampler in CASES])
def test_a_trace_of_one_batch_makes_the_samples_of_another(name, options, sampler, monkeypatch):
    trajectory = trajectory_of(name, options, sampler, monkeypatch)
    trace = make_fx(trajectory)(*batch(0))
    found, wanted = trace(*batch(7)), trajectory(*batch(7))
    assert not torch.equal(wanted, trajectory(*batch(0))), "another batch has other samples"
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_a_method_that_decides_by_value_is_not_such_a_function(monkeypatch):
    trajectory = trajectory_of("adaptive", {}, "ddim", monkeypatch)
    with pytest.raises(RuntimeError):
        make_fx(trajectory)(*batch(0))


def test_a_graph_is_replayed_for_other_samples_of_the_same_number(traced_graphs, monkeypatch):
    trajectory = trajectory_of("classifier-free", {}, "ancestral", monkeypatch)
    captured = Captured(trajectory, n=4, classes=3, device="cpu")
    for first in (0, 4, 8):
        label, indices = batch(first, 4)
        found = captured(label, indices.tolist())
        torch.testing.assert_close(found, trajectory(label, indices), rtol=1e-5, atol=1e-5)
    kept = found.clone()
    captured(batch(20, 4)[0], range(20, 24))
    assert torch.equal(kept, found), "a batch is the caller's: the next one does not overwrite it"
    with pytest.raises(ValueError, match="give 4 labels, not 3"):
        captured(batch(0, 3)[0], range(3))
