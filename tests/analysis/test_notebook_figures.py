"""What cells of the notebooks call: each shows the numbers that it was given."""

import numpy as np
import pandas as pd
import pytest
from synthetic import METHODS, value
from synthetic import study as synthetic

from analysis.figures.convergence import distance_to_fine
from analysis.figures.image_rows import image_rows
from analysis.figures.two_measures import best_against_price, two_measures
from analysis.statistics.compare import wide
from analysis.statistics.network_share import network_share
from analysis.statistics.paired_with_plain import paired_with_plain
from analysis.table import COLUMNS, summarise

AT = {"sampler": "ancestral", "steps": 32}
TABLE = synthetic(runs=4)
X, Y = "recall_digits", "fid_digits"


def texts(axes):
    return [one.get_text() for one in axes.texts]


def test_two_measures_draws_each_curve_and_leaves_out_what_never_gains():
    summary = summarise(TABLE)
    lost = summary[summary["method"] == "classifier"].assign(method="lost")
    lost["value"] = np.where(lost["metric"] == Y, 9 + lost["value"], lost["value"])
    (axes,) = two_measures(pd.concat([summary, lost[lost["w"] > 0]]), X, Y, **AT).axes
    assert [line.get_label() for line in axes.lines] == list(METHODS)
    own = summary[(summary["method"] == "classifier") & (summary["n"] == 1000) & (summary["steps"] == 32)]
    drawn = next(line for line in axes.lines if line.get_label() == "classifier")
    for column, found in ((X, drawn.get_xdata()), (Y, drawn.get_ydata())):
        assert np.allclose(found, own[own["metric"] == column].sort_values("w")["value"])
    assert axes.get_legend().get_title().get_text() == "lost: left out,\nnever better than w = 0" and "0.1" in texts(axes)
    with pytest.raises(ValueError, match="nothing_digits"):
        two_measures(summary, "nothing_digits", Y, **AT)


def test_the_best_stands_at_its_price():
    (axes,) = best_against_price(wide(summarise(TABLE), world="digits", **AT), "seconds_per_sample", Y).axes
    assert {"w = 0", "classifier-free, w = 0.1", "classifier, w = 0.1"} <= set(texts(axes))
    heights = sorted(line.get_ydata()[0] for line in axes.lines)
    least = [np.mean([value(Y, method, 0.1, 1000, run) for run in range(4)]) for method in METHODS]
    assert np.allclose(heights[:2], sorted(least)) and {line.get_xdata()[0] for line in axes.lines} == {0.005, 0.010}


def test_a_difference_from_w_0_is_paired_and_a_tie_is_called_one():
    found = paired_with_plain(TABLE, Y, **AT)
    assert list(found.index[:1]) == [("classifier-free", "0.1")] and set(found["over"]) == {"trainings x 2 sampling seeds"}
    assert found["difference"]["classifier-free", "0.1"] == pytest.approx(0.25 - 0.30)
    assert found["verdict"]["classifier-free", "4"] == "more" and found["verdict"]["classifier-free", "0.1"] == "less"
    noise = dict(zip([(0, 0), (0, 1), (1, 0), (1, 1)], (0.0, 0.0, 0.2, 0.2)))
    blurred = TABLE.copy()
    at = (blurred["metric"] == Y) & (blurred["w"] == 0.1) & (blurred["method"] == "classifier-free")
    blurred.loc[at, "value"] += [noise[key] for key in zip(blurred.loc[at, "train_seed"], blurred.loc[at, "seed"])]
    assert paired_with_plain(blurred, Y, **AT)["verdict"]["classifier-free", "0.1"] == "tie"
    assert set(paired_with_plain(synthetic(runs=1), Y, **AT)["verdict"]) == {"one unit"}
    small = TABLE[TABLE["method"] == "classifier-free"].assign(method="classifier-free (small)")
    small = small.assign(value=small["value"] + (small["w"] == 0))
    both = paired_with_plain(pd.concat([TABLE, small]), Y, **AT)["difference"]
    assert both["classifier-free (small)", "0.1"] == pytest.approx(0.25 - 0.30 - 1), "its network has a w = 0 of its own"
    assert "classifier-free (small)" not in paired_with_plain(pd.concat([TABLE, small[small["w"] > 0]]), Y, **AT).index
    with pytest.raises(ValueError, match=f"no run has {Y} at w = 0 and at another w with sampler 'ddim' and 99 steps"):
        paired_with_plain(TABLE, Y, sampler="ddim", steps=99)


def test_the_networks_share_is_what_the_exact_model_does_not_have():
    rows = [("exact", 0, "cfg", 1.0, "ddim", 8, seed, 100, "frechet_exact", 4.0 + seed) for seed in (0, 1)]
    rows += [("exact", -1, "cfg (exact)", 1.0, "ddim", 8, seed, 100, "frechet_exact", 1.5) for seed in (0, 1)]
    rows += [("exact", -1, "real", np.nan, "", 0, 0, 100, "frechet_exact", 0.5)]
    found = network_share(summarise(pd.DataFrame(rows, columns=list(COLUMNS))), "frechet_exact", sampler="ddim", steps=8)
    assert found.loc[("cfg", 1.0)].tolist() == pytest.approx([4.5, 1.5, 0.5, 2 / 3])
    with pytest.raises(ValueError, match="no method was sampled both with networks and with the exact model"):
        network_share(summarise(TABLE), Y, **AT)


def test_rows_of_images_have_their_names_and_a_missing_one_is_refused():
    rows = [[np.full((8, 8), 10 * (3 * i + j), np.uint8) for j in range(3)] for i in range(2)]
    figure = image_rows(rows, ["a", "b", "c"], ["first", "second"])
    assert [axes.get_title() for axes in figure.axes[:3]] == ["a", "b", "c"] and figure.axes[3].get_ylabel() == "second"
    assert [int(axes.images[0].get_array()[0, 0]) for axes in figure.axes] == [0, 10, 20, 30, 40, 50]
    with pytest.raises(ValueError, match=r"2 names and 2 titles for rows of \[3, 3\] images"):
        image_rows(rows, ["a", "b"], ["first", "second"])


def test_convergence_is_drawn_on_logarithmic_axes():
    distances = pd.DataFrame({"one": [0.4, 0.2, 0.1], "two": [0.5, 0.5, 0.5]}, index=[8, 16, 32])
    (axes,) = distance_to_fine(distances, 1024, "made by hand").axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log") and axes.get_ylabel() == "RMS distance to T = 1,024"
    assert axes.lines[0].get_ydata().tolist() == [0.4, 0.2, 0.1] and {"one", "two"} <= set(texts(axes))
