"""Exact and learned twins, errors against lambda, and densities in the plane."""

import numpy as np
import pandas as pd
import pytest
from exact_tables import W, dashed, named, plane, rows_of
from matplotlib.colors import to_hex, to_rgba

from analysis.figures.colours import GREY, colour, ink
from analysis.figures.exact import (
    distance_against_steps,
    distance_against_w,
    error_against_logsnr,
    methods_against_w,
    share_of_network,
)
from analysis.figures.plane import CLASSES, drawn_and_claimed, figure2
from analysis.figures.style import png
from analysis.measures.grid import GridDensity
from analysis.table import COLUMNS, summarise


@pytest.fixture(scope="module")
def summary():
    return summarise(plane())


def frechet(w, learned):
    return 0.1 + w + (0.3 - 0.2 * w if learned else 0)  # with networks nearer beyond w = 1.5


def twins():
    rows = rows_of("digits-exact", "real", float("nan"), "", 0, "frechet_exact", 0.06)
    for w in W:
        rows += rows_of("digits-exact", "classifier-free (exact)", w, "ancestral", 64, "frechet_exact", frechet(w, False))
        for t in range(2):
            row = rows_of("digits-exact", "classifier-free", w, "ancestral", 64, "frechet_exact", frechet(w, True), train_seed=t)
            rows += row
    return pd.DataFrame(rows, columns=list(COLUMNS))


def test_exact_and_learned_twins_share_a_colour_and_real_data_is_their_floor():
    (axes,) = methods_against_w(summarise(twins()), ["frechet_exact"], sampler="ancestral", steps=64).axes
    own = [line for line in axes.lines if line.get_marker() == "o"]
    assert {to_hex(line.get_color()) for line in own} == {colour("classifier-free")}
    assert {line.get_linestyle() for line in own} == {"-", "--"}
    for line in own:
        np.testing.assert_allclose(line.get_ydata(), [1.05 * frechet(w, line.get_linestyle() == "-") for w in W])
    assert dashed(axes)[1] == pytest.approx(1.05 * 0.06) and "exact draws" in named(axes)


def test_the_networks_share_lies_between_the_two_lines():
    (axes,) = share_of_network(summarise(twins()), "frechet_exact", "classifier-free", sampler="ancestral", steps=64).axes
    learned, exact = ([1.05 * frechet(w, one) for w in W] for one in (True, False))
    np.testing.assert_allclose([line.get_ydata() for line in axes.lines if line.get_linestyle() == "-"], [learned])
    light, dark = axes.collections[:2]
    assert light.get_paths()[0].vertices[:, 1].min() == axes.get_ylim()[0] == 0
    assert light.get_paths()[0].vertices[:, 1].max() == pytest.approx(exact[-1])
    between = dark.get_paths()[0].vertices
    for w, ends in zip(W, zip(learned, exact)):  # which are crossed between w = 1 and 4
        ys = between[np.isclose(between[:, 0], w), 1]
        assert (ys.min(), ys.max()) == pytest.approx((min(ends), max(ends)))
    assert light.get_alpha() < dark.get_alpha()
    assert axes.get_yscale() == "linear" and {"with networks", "exact denoiser", "exact draws"} < set(named(axes))
    assert dashed(axes)[1] == pytest.approx(1.05 * 0.06)


def errors():
    at = [(t, name, level) for t in range(3) for name in ("difference", "kl") for level in (-10.0, 0.0, 10.0)]
    return pd.DataFrame([(t, q, lv, (1 + t) * np.exp(lv / 5) * (2 if q == "kl" else 1)) for t, q, lv in at],
                        columns=["train_seed", "quantity", "logsnr", "value"])  # fmt: skip


def test_errors_have_a_thick_mean_and_a_thin_line_each():
    (axes,) = error_against_logsnr(errors(), {"kl": "of the classifier", "difference": "of eps"}, "Errors").axes
    assert axes.get_yscale() == "log" and axes.get_title(loc="left") == "Errors"
    for name, words, factor in (("kl", "of the classifier", 2), ("difference", "of eps", 1)):
        (mean,) = [line for line in axes.lines if line.get_label() == name]
        np.testing.assert_allclose(mean.get_xdata(), [-10, 0, 10])
        np.testing.assert_allclose(mean.get_ydata(), 2 * factor * np.exp([-2, 0, 2]))
        assert named(axes)[words] == ink(to_hex(mean.get_color()))
        thin = [line for line in axes.lines if line.get_color() == mean.get_color() and line is not mean]
        np.testing.assert_allclose([line.get_ydata()[1] for line in thin], [factor, 2 * factor, 3 * factor])
    one = errors().query("train_seed == 0")
    (axes,) = error_against_logsnr(one, {"kl": "of the classifier"}, "Errors", log=False).axes
    assert len(axes.lines) == 1 and axes.get_yscale() == "linear" and axes.texts[0].get_text() == "one training"


AXIS = np.linspace(-3, 3, 121)


PLACES = [(-1.0, 0.0), (1.2, 0.5)]


def density(place, std=0.4):
    return GridDensity(AXIS, AXIS + 0.5, -((AXIS[None] - place[0]) ** 2 + (AXIS[:, None] + 0.5 - place[1]) ** 2) / (2 * std**2))


def around(n, far=0.0):
    rng = np.random.default_rng(0)
    label = np.arange(n) % 2
    return np.array(PLACES)[label] + [far, 0] + 0.4 * rng.normal(size=(n, 2)), label


def test_figure2_shows_densities_in_place_and_samples_in_the_colour_of_their_class():
    x, label = around(50)
    tilted = {w: [density(place, 0.4 / (1 + w)) for place in PLACES] for w in (1.0, 0.0)}
    figure = figure2(density((0, 0), 0.5), tilted, {1.0: (x, label)})
    assert [axes.get_title() for axes in figure.axes] == ["marginal p(x)", "w = 0", "w = 1"]
    assert [len(axes.images) for axes in figure.axes] == [1, 2, 2]
    for image, own, shade in zip(figure.axes[2].images, tilted[1.0], CLASSES):
        np.testing.assert_array_equal(image.get_array(), own.mass)
        np.testing.assert_allclose(image.get_extent(), [-3.025, 3.025, -2.525, 3.525])
        assert image.origin == "lower" and to_hex(image.cmap(1.0)) == to_hex(shade) and image.cmap(0.0)[3] == 0
    assert to_hex(figure.axes[0].images[0].cmap(1.0)) == GREY
    (dots,) = [each for each in figure.axes[2].collections if len(each.get_offsets()) == 50]
    np.testing.assert_allclose(dots.get_offsets(), x)
    np.testing.assert_allclose(dots.get_facecolor()[:, :3], [to_rgba(CLASSES[c])[:3] for c in label])
    assert not [each for each in figure.axes[1].collections if len(each.get_offsets()) == 50]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1


def test_contours_hold_half_and_nine_tenths():
    figure = drawn_and_claimed([density(place) for place in PLACES], {"ddim": around(400)}, {})
    rings = [path.to_polygons() for each in figure.axes[0].collections for path in each.get_paths()]
    radius = [np.hypot(*(ring[0] - place).T) for ring, place in zip(rings, np.repeat(PLACES, 2, axis=0))]
    for found, share in zip(radius, (0.9, 0.5, 0.9, 0.5)):
        np.testing.assert_allclose(found, 0.4 * np.sqrt(-2 * np.log(1 - share)), rtol=0.02)  # P(r < R) = 1 - exp(-R^2 / 2 s^2)


def test_drawn_is_a_histogram_of_each_class_in_its_place():
    drawn = {"near, T = 16": around(4000), "far, T = 16": around(4000, far=2.5)}
    figure = drawn_and_claimed([density(place) for place in PLACES], drawn, {"near, T = 16": "KL = 0.012"})
    assert [axes.get_title() for axes in figure.axes] == ["near, T = 16\nKL = 0.012", "far, T = 16"]
    for axes, (x, label) in zip(figure.axes, drawn.values()):
        for c, image in enumerate(axes.images):
            values, (left, right, below, above) = np.asarray(image.get_array()), image.get_extent()
            assert values.sum() == pytest.approx((label == c).sum(), rel=0.01)  # smoothing loses nobody
            rows, columns = values.shape
            middle = [
                values.sum(0) @ np.linspace(left, right, 2 * columns + 1)[1::2] / values.sum(),
                values.sum(1) @ np.linspace(below, above, 2 * rows + 1)[1::2] / values.sum(),
            ]
            np.testing.assert_allclose(middle, x[label == c].mean(0), atol=0.03)
            assert right > np.quantile(x.max(1), 0.99)  # nothing of weight lies beyond the frame
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()


def test_what_the_table_lacks_is_refused_by_name(summary):
    with pytest.raises(ValueError, match="the table has no mmd_tilted: it has kl_tilted"):
        distance_against_w(summary, "mmd_tilted")
    with pytest.raises(ValueError, match="no cell of kl_tilted has the method 'classifier': there are classifier-free, temp"):
        distance_against_w(summary, "kl_tilted", method="classifier")
    with pytest.raises(ValueError, match="no cell of classifier-free has w = 3: it has 0, 1, 4"):
        distance_against_steps(summary, "kl_tilted", w=3.0)
    with pytest.raises(ValueError, match="no cell has sampler 'heun' and 64 steps: it holds .*ancestral T = 64"):
        methods_against_w(summary, ["kl_tilted"], sampler="heun", steps=64)
    with pytest.raises(ValueError, match=r"classifier is not there with and without \(exact\)"):
        share_of_network(summarise(twins()), "frechet_exact", "classifier", sampler="ancestral", steps=64)
    with pytest.raises(ValueError, match="errors has no calibration: it has difference, kl"):
        error_against_logsnr(errors(), {"calibration": "", "kl": ""}, "Errors")
    with pytest.raises(ValueError, match="points has w = 2, of which tilted has no density"):
        figure2(density((0, 0)), {1.0: [density(place) for place in PLACES]}, {2.0: around(4)})
    with pytest.raises(ValueError, match="label reaches from 0 to 1: there are the classes 0 to 0"):
        drawn_and_claimed([density((0, 0))], {"ddim": around(4)}, {})


def test_every_figure_can_be_saved_and_is_the_same_twice(summary):
    first = png(distance_against_w(summary, "kl_tilted"), dpi=40)
    assert first == png(distance_against_w(summary, "kl_tilted"), dpi=40) and first[:4] == b"\x89PNG"
