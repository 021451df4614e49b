"""A batch in parts, and under bfloat16: the same training within rounding, and what each refuses."""

from dataclasses import replace

import pytest
from alike import assert_alike
from safetensors.torch import load_file
from tiny import tiny_study

from experiments.graph.files import read_json
from experiments.graph.store import Store
from experiments.graph.value import encode
from experiments.problems import Failed
from experiments.tasks.fit import Fit
from experiments.tasks.train import Train

DENOISER = Train(
    world="digits",
    network={"is": "unet", "width": 8, "attention": []},
    objective="denoising",
    fit=Fit(steps=6, batch=15, warmup=2),
)
NOISY = replace(DENOISER, network={"is": "half-unet", "width": 8, "multipliers": [1]}, objective="noisy-cross-entropy")
ATTACKED = replace(NOISY, objective={"is": "noisy-cross-entropy", "attack_radius": 0.5, "attack_steps": 1, "augment": True})
LEARNED = replace(DENOISER, objective={"is": "denoising", "variance": "hybrid"})


def trained(task, root):
    store = Store(root)
    store.make(task, "cpu")
    path = store.open(task)
    return load_file(path / "model.safetensors"), read_json(path / "log.json")["loss"]


def with_fit(task, **changed):
    return replace(task, fit=replace(task.fit, **changed))


@pytest.mark.parametrize("task", [DENOISER, NOISY, ATTACKED, LEARNED], ids=["denoiser", "noisy", "attacked", "learned"])
def test_parts_of_a_batch_add_up_to_it(task, tmp_path):
    """Rows of 4, 4, 4 and 3: a mean of means would count the last three more."""
    whole, parts = trained(task, tmp_path), trained(with_fit(task, rows=4), tmp_path)
    assert_alike(parts, whole, 5e-4)


def test_the_network_sees_no_more_rows_at_a_time_than_it_may(monkeypatch, tmp_path):
    seen, real = [], type(DENOISER.objective).losses_of

    def losses_of(self, module, world, x, *rest):
        seen.append(len(x))
        return real(self, module, world, x, *rest)

    monkeypatch.setattr(type(DENOISER.objective), "losses_of", losses_of)
    trained(with_fit(DENOISER, rows=4, steps=1), tmp_path)
    assert seen == [4, 4, 4, 3]


@pytest.mark.parametrize(
    "task",
    [
        replace(DENOISER, network="timm", objective="cross-entropy"),
        replace(DENOISER, objective={"is": "denoising", "variance": "bound"}),
    ],
    ids=["batch normalisation", "importance"],
)
def test_a_batch_that_is_looked_at_as_a_whole_is_not_cut(task, tmp_path):
    cut = with_fit(task, rows=4)
    assert not task.shared and DENOISER.shared
    with pytest.raises(Failed, match="whole batch.*leave fit.rows out"):
        cut.dry_run()
    with pytest.raises(Failed, match="whole batch"):
        Store(tmp_path).make(cut, "cpu")


@pytest.mark.slow
@pytest.mark.parametrize("task", [DENOISER, NOISY], ids=["denoiser", "noisy"])
def test_bfloat16_is_near_float32_and_no_more(task, tmp_path):
    exact, rounded = trained(task, tmp_path), trained(with_fit(task, precision="bfloat16"), tmp_path)
    assert rounded[1] == pytest.approx(exact[1], rel=3e-2) and rounded[1] != exact[1]
    assert all(held.dtype == exact[0][name].dtype for name, held in rounded[0].items())


def test_what_is_not_asked_for_changes_no_address():
    """The addresses of the tiny digits' trainings, as they were before there were rows and precisions."""
    study = tiny_study("digits")
    assert [study.model.address, study.classifier.address] == ["denoiser-adc4927c172c", "classifier-421d99e9257d"]
    assert encode(Fit(steps=3), whole=False) == {"is": "Fit", "steps": 3}
    assert len({task.address for task in (DENOISER, with_fit(DENOISER, rows=4), with_fit(DENOISER, precision="bfloat16"))}) == 3
    assert encode(DENOISER.fit)["precision"] == "float32"
