"""The error of guided predictions against the exact guided field."""

from dataclasses import replace

import pytest
from tiny import make_here, results_of, tiny_study

from experiments.graph.store import Store
from experiments.tasks.guided_error import GuidedError
from experiments.tasks.sample import Sample
from experiments.tasks.sources import Exact
from experiments.worlds.digits import Digits
from experiments.worlds.digits_exact import DigitsExact
from guidance import METHODS, SAMPLERS
from guidance.schedules import CosineLogSNR

WORLD = DigitsExact()
SAMPLES = Sample(
    world=WORLD, model=Exact(world=WORLD), others={}, method=METHODS["classifier-free"](w=2.0), sampler=SAMPLERS["ddim"](),
    steps=4, density=CosineLogSNR(-10, 10), seed=0, n=30, clip=3.0,
)  # fmt: skip
pytestmark = pytest.mark.usefixtures("undrawn", "few_tested")


def errors(samples, tmp_path):
    store = Store(tmp_path)
    task = GuidedError(samples=samples, n=30)
    (tmp_path / "out").mkdir(exist_ok=True)
    task.run(tmp_path / "out", store, "cpu")
    from experiments.tasks.tables import read_rows

    rows = list(read_rows(tmp_path / "out" / "errors.csv"))
    assert len(rows) == 2 * 4 and len({row["logsnr"] for row in rows}) == 4
    return {name: [row["value"] for row in rows if row["quantity"] == name] for name in ("error", "size")}


def test_exact_guidance_has_the_error_of_float32_and_none_that_of_its_update(tmp_path):
    exact = errors(SAMPLES, tmp_path)
    assert max(exact["error"]) < 1e-6 and max(exact["size"]) > 1e-3
    window = errors(replace(SAMPLES, method=METHODS["limited-interval"](w=2.0, logsnr_min=90.0, logsnr_max=99.0)), tmp_path)
    # never guided: what is missing is the whole update
    assert window["error"] == pytest.approx(window["size"], rel=1e-3, abs=1e-7)


def test_a_world_without_a_truth_is_refused():
    with pytest.raises(ValueError, match="digits has no exact field"):
        GuidedError(samples=replace(SAMPLES, world=Digits(), model=Exact(world=Digits())))


@pytest.mark.slow
def test_it_costs_its_trajectories_and_the_exact_model():
    from experiments.cost_command import machine_of
    from experiments.pricing.measuring import price_guided_error
    from experiments.pricing.sampling import price_sample

    machine = machine_of("cpu", 0.3, False)
    whole, few = (price_guided_error(GuidedError(samples=SAMPLES, n=n), machine, {}) for n in (30, 3))
    assert whole.seconds > price_sample(SAMPLES, machine, {}).seconds * 0.5 and whole.seconds > 2 * few.seconds > 0


@pytest.mark.slow
def test_a_study_has_a_table_of_it(tmp_path):
    sweep = {"sampler": "ddim", "steps": 3, "ws": [0, 1]}
    base = tiny_study("digits-exact", {"sweeps": [sweep], "guided_error": 20})
    mine = replace(base, oracle=None, classifier=None, methods=(METHODS["classifier-free"](), METHODS["limited-interval"]()))
    make_here(mine, tmp_path)
    table = results_of(mine, tmp_path).tables["guided_error"]
    assert (
        set(table["method"]) == {"classifier-free"} and set(table["w"]) == {1.0} and set(table["quantity"]) == {"error", "size"}
    )
