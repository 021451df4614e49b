"""What is drawn of an exact world is what the tables and densities hold, read back from the artists."""

import numpy as np
import pandas as pd
import pytest
from exact_tables import SAMPLERS, STEPS, W, dashed, floor, kl, named, plane
from matplotlib.colors import to_hex

from analysis.figures.colours import GREY, colour, ink
from analysis.figures.exact import distance_against_steps, distance_against_w, methods_against_w
from analysis.table import summarise


@pytest.fixture(scope="module")
def summary():
    return summarise(plane())


SD = np.std([0, 0.05, 0.1], ddof=1)


def lines(axes):
    """Every line with markers, by the colour of its name."""
    return {ink(to_hex(line.get_color())): line for line in axes.lines if line.get_marker() != "None"}


def bands(axes, shade):
    """Lowest and highest y of each band of this colour at each of its x."""
    found = []
    for band in axes.collections:
        if len(band.get_facecolor()) and to_hex(band.get_facecolor()[0]) == to_hex(shade):
            (path,) = band.get_paths()
            x = path.vertices[:, 0]
            found.append({at: (path.vertices[x == at, 1].min(), path.vertices[x == at, 1].max()) for at in set(x)})
    return found


def test_against_w_every_sampler_has_a_panel_and_every_t_a_line(summary):
    figure = distance_against_w(summary, "kl_tilted")
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(SAMPLERS)
    for axes, sampler in zip(figure.axes, SAMPLERS):
        names = named(axes)
        for steps in STEPS:
            line = lines(axes)[names[f"T = {steps}"]]
            np.testing.assert_allclose(line.get_xdata(orig=False), W)
            np.testing.assert_allclose(line.get_ydata(orig=False), [1.05 * kl(sampler, steps, w) for w in W])
            (band,) = bands(axes, line.get_color())
            for w in W:
                assert band[w] == pytest.approx((kl(sampler, steps, w) * (1.05 - SD), kl(sampler, steps, w) * (1.05 + SD)))
        assert len(lines(axes)) == len(STEPS)


def test_the_floor_is_that_of_as_many_draws(summary):
    for axes in distance_against_w(summary, "kl_tilted").axes:
        x, y = dashed(axes)
        np.testing.assert_allclose(x, W)
        np.testing.assert_allclose(y, [1.05 * floor(w) for w in W])
        assert named(axes)["exact draws"] == GREY and len(bands(axes, GREY)) == 1
    (axes,) = distance_against_steps(summary, "kl_tilted", w=4.0).axes
    assert dashed(axes)[1] == pytest.approx(1.05 * floor(4.0))
    bare = summarise(plane().query("method != 'tilted draws'"))
    for figure in (distance_against_w(bare, "kl_tilted"), distance_against_steps(bare, "kl_tilted", w=1.0)):
        assert not any("exact draws" in named(axes) for axes in figure.axes)


def test_names_lie_at_the_heights_of_their_curves():
    """The panels share an axis: a name placed before the last panel is drawn would lie elsewhere."""
    table = plane()
    table.loc[table["sampler"] == "ddim", "value"] *= 50
    figure = distance_against_w(summarise(table), "kl_tilted")
    figure.draw_without_rendering()
    for axes in figure.axes:
        (text,) = [text for text in axes.texts if text.get_text() == "exact draws"]
        height = axes.transAxes.inverted().transform(axes.transData.transform((4.0, dashed(axes)[1][-1])))[1]
        assert text.xy[1] == pytest.approx(height, abs=0.08)


def test_against_steps_every_sampler_has_a_line_and_both_axes_are_logarithmic(summary):
    (axes,) = distance_against_steps(summary, "kl_tilted", w=1.0).axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    for sampler in SAMPLERS:
        line = lines(axes)[named(axes)[sampler]]
        np.testing.assert_allclose(line.get_xdata(), STEPS)
        np.testing.assert_allclose(line.get_ydata(), [1.05 * kl(sampler, steps, 1.0) for steps in STEPS])
    axes.figure.draw_without_rendering()
    assert [text.get_text() for text in axes.get_xticklabels()] == [str(steps) for steps in STEPS]
    assert (
        axes.get_title(loc="left") == "KL divergence from the tilted density, nats"
        and "w = 1, n = 3,000" in axes.texts[0].get_text()
    )


def test_a_band_that_reaches_zero_does_not_stretch_a_logarithmic_axis():
    table = plane()
    table.loc[(table["method"] == "tilted draws") & (table["seed"] == 0), "value"] = -0.01
    table.loc[(table["method"] == "tilted draws") & (table["seed"] == 1), "value"] = 0.05
    figure = distance_against_w(summarise(table), "kl_tilted")
    low, high = figure.axes[0].get_ylim()
    assert figure.axes[0].get_yscale() == "log" and low > 0.005 and high < 40
    assert bands(figure.axes[0], GREY)[0][0.0][0] == pytest.approx(low)  # not a cliff down to 1e-300


def test_estimates_below_zero_are_drawn_on_an_axis_that_has_them():
    table = plane("mmd_tilted")
    low = table["method"] == "tilted draws"
    table.loc[low, "value"] = -0.001 * (table.loc[low, "seed"] - 0.5)
    figure = distance_against_w(summarise(table), "mmd_tilted")
    axes = figure.axes[0]
    assert axes.get_yscale() == "asinh" and axes.get_ylim()[0] < dashed(axes)[1].min() < 0
    figure.draw_without_rendering()
    ticks = [text.get_text() for text in axes.get_yticklabels()]
    assert ticks[0] == "0" and "0.01" in ticks and "1" in ticks
    assert axes.get_ylim()[1] > 1.05 * kl("ddim", 16, 4.0)


def test_methods_have_their_colours_and_their_floor(summary):
    both = pd.concat([plane(), plane("std_within_class")])
    figure = methods_against_w(summarise(both), ["kl_tilted", "std_within_class"], sampler="ancestral", steps=64)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == [
        "KL divergence from the tilted density,\nnats",
        "standard deviation within a class",
    ]
    for axes in figure.axes:
        for method in ("classifier-free", "temperature"):
            line = lines(axes)[named(axes)[method]]
            np.testing.assert_allclose(line.get_ydata(), [1.05 * kl("ancestral", 64, w, method) for w in W])
        assert named(axes)["classifier-free"] == ink(colour("classifier-free")) and len(lines(axes)) == 2
        np.testing.assert_allclose(dashed(axes)[1], [1.05 * floor(w) for w in W])
