"""How a study's networks compute: what its cells are called, what stands beside a lossy choice, and what a probe chooses."""

from dataclasses import replace

import pytest

from experiments.problems import Problem
from experiments.settings import override
from experiments.studies import computing
from experiments.studies.chosen import chosen
from experiments.tasks.measure import Measure
from guidance.compute import Compute


def quick(name):
    return chosen(name, False, [])


def cells(study):
    return [(placed.place, placed.task.samples) for placed in study.cells() if isinstance(placed.task, Measure)]


def test_beside_a_lossy_choice_the_first_method_stands_in_float32_too():
    study = override(quick("digits"), ["compute.precision=bfloat16"])
    found = [(place["method"], sample.compute.precision) for place, sample in cells(study) if place["w"]]
    assert set(found) == {
        ("classifier (bfloat16)", "bfloat16"),
        ("classifier", "float32"),
        ("classifier-free (bfloat16)", "bfloat16"),
    }
    plain = [place["method"] for place, _ in cells(quick("digits")) if place["w"]]
    assert set(plain) == {"classifier-free", "classifier"}
    addresses = [
        {sample.address for place, sample in cells(each) if place["method"] == "classifier"} for each in (study, quick("digits"))
    ]
    assert addresses[0] and addresses[0] <= addresses[1], "of the first sweep, and the same runs"


def test_what_cannot_be_captured_is_drawn_as_it_is_and_an_exact_model_computes_in_its_own_way():
    graph = Compute(graph=True)
    kinds = [computing.choices(graph, type("M", (), {"decides_by_value": why}), False, True) for why in (None, "it must")]
    assert kinds == [[graph], [Compute()]]
    assert computing.choices(graph, None, True, True) == [Compute()]


@pytest.mark.parametrize("lossy", [False, True])
def test_a_probe_sets_what_is_fastest_and_says_how_to_set_it_again(monkeypatch, lossy):
    fastest = Compute("bfloat16", "channels_last") if lossy else Compute(memory_format="channels_last")
    asked = []

    def probe(network, inputs, lossy, compile):
        asked.append((type(network).__name__, tuple(inputs[0].shape), lossy, compile))
        return fastest, {Compute(): 2.0, fastest: 1.0}

    monkeypatch.setattr(computing, "probe", probe)
    told = []
    study = quick("digits")
    found = computing.probed(study, "cpu", lossy, told.append)
    assert found == replace(study, compute=fastest) and asked == [("UNet", (250, 1, 8, 8), lossy, False)]
    assert "2000.0 ms  as it is" in told[0] and told[1].endswith("--set compute.memory_format=channels_last  <- taken")
    assert override(study, told[1].split("ms  ")[1].replace("  <- taken", "").replace("--set ", "").split()) == found


def test_the_probe_itself_runs_on_a_study():
    study = override(quick("digits"), ["model.network.width=8", "batch=8"])
    assert computing.probed(study, "cpu", False, lambda line: None).compute.precision == "float32"


@pytest.mark.parametrize("name", ["gaussians", "methods"])
def test_a_study_without_networks_has_nothing_to_probe(name):
    with pytest.raises(Problem, match="no networks whose way to compute"):
        computing.probed(quick(name), "cpu", False, print)


def test_a_study_of_an_exact_model_has_no_way_to_compute():
    with pytest.raises(Problem, match="compute: an exact model is no network"):
        override(quick("gaussians"), ["compute.precision=bfloat16"])
