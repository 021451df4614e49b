"""Judges: a second network in every study of images, measured as the evaluator is and never guiding."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import results_of, tiny_study

from analysis.measures.fidelity import frechet_distance
from analysis.metrics import metric
from experiments.graph.store import Store
from experiments.problems import Problem
from experiments.registry import STUDIES
from experiments.studies.by_world import ByWorld
from experiments.studies.decode import read_study
from experiments.studies.tradeoff import TradeOff
from experiments.tasks.evaluating import evaluate
from experiments.tasks.images import from_uint8, to_uint8
from experiments.tasks.judge import Judge, JudgeMeasure
from experiments.tasks.measure import Measure
from experiments.tasks.real_features import RealFeatures
from experiments.worlds.digits import Digits
from experiments.worlds.digits_exact import DigitsExact
from experiments.worlds.world import data

LABEL = "digits-convnext"


def trade_offs() -> list[TradeOff]:
    """Every trade-off in images among the studies of this package, in both forms and alone or in a comparison."""
    forms = [form for name in STUDIES.own for form in STUDIES[name].values()]
    studies = [one for form in forms for one in (form.worlds.values() if isinstance(form, ByWorld) else [form])]
    return [one for one in studies if isinstance(one, TradeOff) and one.evaluator is not None]


def test_no_study_of_images_ranks_on_one_network():
    studies = trade_offs()
    assert {one.name for one in studies} >= {"digits", "fashion", "controls", "methods-digits", "cifar10-jpeg"}
    assert not [one.name for one in studies if not one.judges], "features beside them need a package that may not be there"


@pytest.fixture(scope="module")
def made(tiny):
    """The study, its table, and one cell by the judge."""
    study = tiny_study("digits")
    runs = tiny("digits").parent
    cell = next(p for p in study.cells() if isinstance(p.task, JudgeMeasure) and p.place["w"] == 4)
    return study, results_of(study, runs), cell, Store(runs), tiny("digits")


def test_a_judge_measures_every_cell_that_the_evaluator_does_under_its_own_name(made):
    table = made[1].table
    for name in ("fid", "is", "precision", "recall", "diversity"):
        theirs, ours = (table[table["metric"] == f"{name}_{end}"] for end in (LABEL, "digits"))
        keys = ["method", "w", "seed", "n"]
        assert len(theirs) == len(ours) > 8 and theirs[keys].fillna(-1).values.tolist() == ours[keys].fillna(-1).values.tolist()
        assert not np.allclose(theirs["value"], ours["value"]), "another network"
    assert table.duplicated(["method", "w", "seed", "n", "sampler", "metric"]).sum() == 0
    assert "real" in set(table[table["metric"] == f"accuracy_by_{LABEL}"]["method"])
    assert not [name for name in set(table["metric"]) if "pixels" in name and "convnext" in name]


def test_its_numbers_are_those_of_its_features_and_logits(made):
    study, _, cell, store, _ = made
    values = {(row["n"], row["metric"]): row["value"] for row in cell.task.rows(store)}
    (judge,) = study.judges
    network = judge.classifier.load(store, "cpu")
    images, label = cell.task.samples.images(store)
    features, logits = evaluate(network, from_uint8(images), "cpu")
    real, _ = evaluate(network, from_uint8(to_uint8(data(Digits()).train.x)), "cpu")
    assert values[40, f"fid_{LABEL}"] == pytest.approx(frechet_distance(features, real), rel=1e-6)
    probability = torch.from_numpy(logits).softmax(-1).numpy()
    right, confidence = probability.argmax(1) == label, probability.max(1)
    assert values[40, f"accuracy_by_{LABEL}"] == right.mean()

    def calibration(rows: slice) -> float:
        """By the definition, bin by bin (Guo et al., 2017)."""
        bins = np.minimum((confidence[rows] * 15).astype(int), 14)
        gaps = [abs(right[rows][bins == b].sum() - confidence[rows][bins == b].sum()) for b in range(15)]
        return sum(gaps) / len(bins)

    name = f"calibration_error_by_{LABEL}"
    assert values[40, name] == pytest.approx(calibration(slice(40)), rel=1e-9) and values[40, name] > 0.001
    assert values[20, name] == pytest.approx((calibration(slice(20)) + calibration(slice(20, 40))) / 2, rel=1e-9)
    assert metric(name).axis == f"calibration error, intended labels by {LABEL}"
    assert metric(name).direction == "lower is better" and metric(f"accuracy_by_{LABEL}").share


def test_what_it_is_and_reaches_stands_in_the_report_and_the_study_is_read_again(made):
    study, results, _, _, folder = made
    assert "judge convnext" in set(results.tables["networks"]["network"])
    line = results.worlds["digits"].card[f"judge {LABEL}"]
    assert line == "test_convnext, trained on the labels for 6 steps, seed 901; never guides"
    page = (folder / "report.html").read_text()
    assert f"fid_{LABEL}" in page and line in page
    assert read_study(folder) == study and "3 trainings" not in study.describe() and "4 trainings" in study.describe()


def changed(**more: object) -> Judge:
    (judge,) = tiny_study("digits").judges
    return replace(judge, **more)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 900}, "judges.0.classifier: it must be independent of others, of another arch and with another seed"),
        ({"seed": 0}, "judges.0.classifier: it must be independent of others"),
        ({"arch": "test_byobnet"}, "judges.0.classifier: it must be independent of the evaluator"),
        ({"arch": "test_resnet"}, "judges.0.classifier: it must be independent of the classifier"),
        ({"world": "fashion"}, "judges.0.classifier: it is of the world fashion, and the study of digits"),
    ],
)
def test_a_judge_that_is_not_independent_is_refused(change, said):
    made = changed().classifier
    network = replace(made.network, arch=change.pop("arch", made.network.arch))
    with pytest.raises(ValueError, match=said):
        replace(tiny_study("digits"), judges=(changed(classifier=replace(made, network=network, **change)),))


def test_judges_that_do_not_fit_the_study_are_refused():
    judge, other = changed(), replace(changed().classifier, seed=902)
    study = tiny_study("digits")
    with pytest.raises(ValueError, match="judges.0.classifier: it must be independent of others"):
        replace(study, train_seeds=(0, 901))
    with pytest.raises(ValueError, match="judges.0.real: its features are of another classifier"):
        replace(study, judges=(changed(real=RealFeatures(evaluator=other)),))
    with pytest.raises(ValueError, match=r"judges.1.called: digits-convnext is the label of others too"):
        replace(study, judges=(judge, judge))
    with pytest.raises(ValueError, match=r"judges.1.classifier: it must be independent of the judges.0"):
        replace(study, judges=(judge, changed(called="again", classifier=other)))
    with pytest.raises(ValueError, match="judges: digits-exact has an exact oracle, which measures"):
        replace(tiny_study("digits-exact"), judges=(changed(classifier=replace(judge.classifier, world=DigitsExact())),))
    with pytest.raises(Problem, match="judges.0.called: String should match"):
        tiny_study("digits", {"judges.0.called": "Conv Net"})
    assert issubclass(JudgeMeasure, Measure)
