"""The gap between a guide and its evaluators, prices at the best w, and the figures of classifiers, from tables made by hand."""

import numpy as np
import pandas as pd
import pytest

from analysis.figures import classifiers as figures
from analysis.figures.colours import look
from analysis.statistics.guides import attack_gap, costs
from analysis.table import summarise

LABELS = ("plain", "free")


def made() -> pd.DataFrame:
    """Two labels at two w, two seeds: the guide of "plain" believes its samples more as w grows, the evaluators do not."""
    rows = []
    for label in LABELS:
        for w, seed in [(0.0, 0), (0.0, 1), (4.0, 0), (4.0, 1)]:
            own = {
                "accuracy_by_plain": 0.8 + 0.05 * w * (label == "plain"),
                "accuracy_by_a": 0.7,
                "accuracy_by_b": 0.9 - 0.1 * seed,
            }
            own |= {"fid": 2.0 + w * (label == "plain") - 0.1 * w * (label == "free"), "diversity": 1.0 - w / 10}
            own |= {
                "nfe_denoiser_forward": 16.0 + 16 * (label == "free" and w > 0),
                "nfe_classifier_forward": 4.0 * w * (label == "plain"),
                "seconds_per_sample": 0.01,
            }
            key = {
                "world": "digits",
                "train_seed": 0,
                "method": label,
                "w": w,
                "sampler": "ddim",
                "steps": 16,
                "seed": seed,
                "n": 10,
            }
            rows += [{**key, "metric": name, "value": value} for name, value in own.items()]
    key = {"world": "digits", "train_seed": -1, "method": "real", "w": np.nan, "sampler": "", "steps": 0, "seed": -1, "n": 10}
    rows += [{**key, "metric": name, "value": value} for name, value in {"fid": 1.0, "diversity": 2.0}.items()]
    return pd.DataFrame(rows)


def test_the_gap_is_taken_run_by_run_and_its_baseline_where_nothing_was_guided():
    found = attack_gap(made(), {"plain": "plain", "free": None}, ["a", "b"]).set_index("w")
    assert list(found.index) == [0.0, 4.0] and (found["runs"] == 2).all()
    assert found.loc[4.0, "guide"] == pytest.approx(1.0) and found.loc[4.0, "evaluators"] == pytest.approx((0.8 + 0.75) / 2)
    assert found.loc[4.0, "gap"] == pytest.approx(0.225) and found.loc[4.0, "gap_sd"] == pytest.approx(0.05 / 2**0.5)
    assert (found["baseline"] == found.loc[0.0, "gap"]).all() and found.loc[0.0, "gap"] == pytest.approx(0.025)


def test_a_guide_on_the_unconditional_model_has_the_baseline_of_the_conditional_one():
    """There, where nothing is guided, samples have no label: guide and evaluators are at one whatever they are worth."""
    table, other = made(), made()
    other = other[other["method"] == "plain"].replace({"method": {"plain": "unconditional"}, "w": {0.0: -1.0}})
    both = attack_gap(pd.concat([table, other]), {"plain": "plain", "unconditional": "plain"}, ["a", "b"])
    assert both["baseline"].tolist() == pytest.approx([0.025] * 4)
    alone = attack_gap(other, {"unconditional": "plain"}, ["a", "b"])
    assert alone["baseline"].isna().all()


def test_the_price_is_that_of_guiding_whatever_w_is_best_and_what_none_made_has_none():
    found = costs(summarise(made()), LABELS, ("fid", "diversity"))
    assert found.loc["plain", "best w"] == 0 and found.loc["free", "best w"] == 4
    assert found.loc["plain", "classifier forward"] == 16, "at w = 4, though w = 0 is the best"
    assert found.loc["free", "denoiser forward"] == 32 and found.loc["free", "ms per sample"] == pytest.approx(10)
    assert found.loc["real", "fid"] == 1 and found.loc["real", "best w"] == "" and found.loc["real", "denoiser forward"] == ""


def test_the_best_w_of_a_label_may_be_the_conditional_model_that_another_was_sampled_at():
    table = made()
    bare = table[(table["method"] != "plain") | (table["w"] != 0)]
    found, whole = (costs(summarise(one), LABELS, ("fid", "diversity")) for one in (bare, table))
    assert found.loc["plain", "best w"] == 0 and found.loc["plain"].equals(whole.loc["plain"])


def levels() -> pd.DataFrame:
    rows = [
        {"classifier": name, "metric": metric, "logsnr": level, "value": 0.5 + 0.04 * level, "train_seed": seed}
        for name in ("plain", "exact")
        for metric in ("accuracy", "kl_exact")
        for level in (-4.0, 0.0, 4.0)
        for seed in (0, 1)
    ]
    return pd.DataFrame(rows)


def test_every_classifier_is_a_line_by_lambda():
    axes = figures.by_lambda(levels(), ["accuracy"]).axes[0]
    assert len(axes.lines) == 2 and axes.lines[0].get_xdata().tolist() == [-4.0, 0.0, 4.0]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.34, 0.5, 0.66])
    assert axes.lines[0].get_color() != axes.lines[1].get_color() and axes.lines[1].is_dashed(), "the exact model is dashed"
    faint = levels().assign(value=1e-9)
    assert not figures.by_lambda(faint, ["kl_exact"]).axes[0].lines, "too small to be told from 0"
    with pytest.raises(ValueError, match=r"no ece: it has accuracy, kl_exact"):
        figures.by_lambda(levels(), ["ece"])


def test_the_guide_is_drawn_solid_and_its_evaluators_dashed():
    axes = figures.attack(summarise(made()), {"plain": "plain", "free": None}, ["a", "b"]).axes
    solid = [line for line in axes[0].lines if not line.is_dashed()]
    assert len(solid) == 1 and solid[0].get_ydata().tolist() == pytest.approx([0.2, 0.0]), "what is not given the label"
    assert all(line.is_dashed() for line in axes[1].lines) and len(axes[1].lines) == 2
    with pytest.raises(ValueError, match="no sample of plain was classified by nobody"):
        figures.attack(summarise(made()), {"plain": "nobody"}, ["a"])


def test_the_heat_map_is_of_the_largest_w():
    axes = figures.transfer(summarise(made()), LABELS, ["plain", "a"]).axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), [[1.0, 0.7], [0.8, 0.7]])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["plain, w = 4", "free, w = 4"]


def test_quality_curves_run_through_every_w():
    axes = figures.quality(summarise(made()), "diversity", "fid", LABELS).axes[0]
    drawn = {line.get_label(): (line.get_xdata().tolist(), line.get_ydata().tolist()) for line in axes.lines}
    assert ([1.0, 0.6], [2.0, 6.0]) in [(pytest.approx(x), pytest.approx(y)) for x, y in drawn.values()]
    with pytest.raises(ValueError, match="plain has no diversity and speed"):
        figures.quality(summarise(made()), "diversity", "speed", LABELS)


def test_asymmetry_is_logarithmic_and_the_exact_world_dashed():
    fields = pd.DataFrame(
        [
            {"of": of, "field": "guided", "logsnr": level, "value": value, "train_seed": 0}
            for of, value in (("networks", 0.1), ("exact", 1e-15))
            for level in (-2.0, 2.0)
        ]
    )
    axes = figures.asymmetry(fields).axes[0]
    assert axes.get_yscale() == "log" and [line.is_dashed() for line in axes.lines] == [False, True]


def test_the_names_of_the_study_are_told_apart_by_colour_marker_and_stroke():
    names = ["classifier-free", "plain", "robust", "half-unet", "clean, of x", "clean, through the denoiser", "plain, softplus"]
    names += [
        "plain, normalised",
        "plain, unconditional",
        "robust, unconditional",
        "implicit",
        "implicit, exact denoiser",
        "exact",
    ]
    styles = figures.strokes(names)
    assert len({(look(name), str(styles[name])) for name in names}) == len(names)
    assert str(styles["exact"]) == str(styles["implicit, exact denoiser"]) != str(styles["plain, softplus"]) != styles["plain"]
