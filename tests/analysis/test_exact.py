"""The measures of an exact world by their names: each is the measure of its name, class by class, with the right target."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.measures.distances import kl_divergence, mmd, sliced_wasserstein
from analysis.measures.exact import Drawn, Oracle, against_tilted, measure_points
from analysis.measures.grid import GridDensity

CENTRES, STD = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 1.5]]), 0.5
DATA = {"accuracy_exact", "confidence_exact", "is_exact", "nll_exact", "frechet_exact", "frechet_class_exact", "std_within_class"}
TILTED = {"kl_tilted", "mmd_tilted", "wasserstein_tilted", "mean_error_tilted", "outside_tilted"}
AXIS = np.linspace(-4, 4, 161)


def log_joint(x):
    return -((x[:, None] - CENTRES) ** 2).sum(-1) / (2 * STD**2) - np.log(2 * np.pi * STD**2) - np.log(3)


def evaluated(x, label):
    logits = log_joint(x)
    return Drawn(x=x, label=label, logits=logits + 11, log_density=logits[np.arange(len(x)), label] + np.log(3))


@pytest.fixture(scope="module")
def oracle():
    mean = CENTRES.mean(0)
    between = (CENTRES - mean).T @ (CENTRES - mean) / 3
    mesh = np.stack(np.meshgrid(AXIS, AXIS), -1).reshape(-1, 2)
    return Oracle(
        mean=mean,
        covariance=between + STD**2 * np.eye(2),
        class_means=CENTRES,
        class_covariances=np.stack([STD**2 * np.eye(2)] * 3),
        tilted=[GridDensity(AXIS, AXIS, log_joint(mesh)[:, c].reshape(161, 161)) for c in range(3)],
        bandwidth=0.3,
    )


@pytest.fixture
def drawn():
    """Classes of unlike size and width, a little off their places; the last sample lies outside the grid."""
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], [300, 200, 100])
    x = CENTRES[label] + [0.1, -0.2] + np.array([0.5, 0.4, 0.3])[label, None] * rng.normal(size=(600, 2))
    x[-1] = [0.0, 4.5]
    order = rng.permutation(600)
    return evaluated(x[order], label[order])


def test_tilted_densities_bring_their_names(drawn, oracle):
    assert set(measure_points(drawn, oracle)) == DATA | TILTED
    assert set(measure_points(drawn, replace(oracle, tilted=None))) == DATA
    assert all(isinstance(value, float) for value in measure_points(drawn, oracle).values())


def test_each_class_is_measured_against_its_own_density(drawn, oracle):
    values = measure_points(drawn, oracle)
    own = [(drawn.x[drawn.label == c], oracle.tilted[c]) for c in range(3)]
    assert values["kl_tilted"] == pytest.approx(np.mean([kl_divergence(x, q) for x, q in own]))
    assert values["mmd_tilted"] == pytest.approx(np.mean([mmd(x, q, 0.3) for x, q in own]))
    assert values["wasserstein_tilted"] == pytest.approx(np.mean([sliced_wasserstein(x, q) for x, q in own]))
    errors = [np.hypot(*(x.mean(0) - centre)) for (x, _), centre in zip(own, CENTRES)]
    assert values["mean_error_tilted"] == pytest.approx(np.mean(errors), abs=1e-6)
    assert values["outside_tilted"] == pytest.approx(1 / 100 / 3)
    turned = replace(oracle, tilted=[oracle.tilted[c] for c in (1, 2, 0)])
    assert against_tilted(drawn, turned)["kl_tilted"] > values["kl_tilted"] + 3


def test_values_by_hand(drawn, oracle):
    values, x, label = measure_points(drawn, oracle), drawn.x, drawn.label
    p = np.exp(log_joint(x))
    p /= p.sum(1, keepdims=True)
    assert values["accuracy_exact"] == np.mean([row.argmax() == c for row, c in zip(p, label)]) < 1
    assert values["confidence_exact"] == pytest.approx(np.mean([row[c] for row, c in zip(p, label)]))
    assert values["is_exact"] == pytest.approx(np.exp((p * np.log(p / p.mean(0))).sum(1).mean()))
    squares = ((x - CENTRES[label]) ** 2).sum(1)
    assert values["nll_exact"] == pytest.approx((squares / (2 * STD**2) + np.log(2 * np.pi * STD**2)).mean() / 2)
    within = [x[label == c] for c in range(3)]
    variances = [((own - own.mean(0)) ** 2).sum() / (len(own) - 1) for own in within]
    assert values["std_within_class"] == pytest.approx(np.sqrt(np.mean(variances)))
    pairs = []
    for own, centre in zip(within, CENTRES):  # to an isotropic Gaussian: Tr S + 2 s^2 - 2 s Tr S^(1/2)
        s = np.cov(own.T)
        root = np.sqrt(np.trace(s) + 2 * np.sqrt(np.linalg.det(s)))
        pairs.append(((own.mean(0) - centre) ** 2).sum() + np.trace(s) + 2 * STD**2 - 2 * STD * root)
    assert values["frechet_class_exact"] == pytest.approx(np.mean(pairs), rel=1e-9)
    a, b = np.cov(x.T), oracle.covariance
    cross = np.sqrt(np.trace(a @ b) + 2 * np.sqrt(np.linalg.det(a @ b)))
    assert values["frechet_exact"] == pytest.approx(
        ((x.mean(0) - oracle.mean) ** 2).sum() + np.trace(a + b) - 2 * cross, rel=1e-9
    )


def test_draws_of_the_exact_model_read_the_floor_and_collapse_does_not(oracle):
    rng = np.random.default_rng(1)
    label = np.arange(3000) % 3
    exact = np.empty((3000, 2))
    for c in range(3):
        exact[label == c] = oracle.tilted[c].sample(1000, rng)
    floor = measure_points(evaluated(exact, label), oracle)
    assert floor["kl_tilted"] < 0.06 and abs(floor["mmd_tilted"]) < 0.001 and floor["wasserstein_tilted"] < 0.04
    assert floor["frechet_class_exact"] < 0.006 and floor["std_within_class"] == pytest.approx(STD * np.sqrt(2), rel=0.03)
    tight = measure_points(evaluated(CENTRES[label] + 0.02 * rng.normal(size=(3000, 2)), label), oracle)
    assert tight["accuracy_exact"] == 1 > floor["accuracy_exact"] and tight["nll_exact"] < floor["nll_exact"] - 0.4
    assert tight["kl_tilted"] == pytest.approx(2 * np.log(STD / 0.02) - 1 + (0.02 / STD) ** 2, abs=0.1)


def test_order_of_samples_and_precision_do_not_matter(drawn, oracle):
    order = np.random.default_rng(2).permutation(600)
    shuffled = Drawn(**{name: getattr(drawn, name)[order] for name in ("x", "label", "logits", "log_density")})
    assert measure_points(shuffled, oracle) == pytest.approx(measure_points(drawn, oracle), abs=1e-10)
    single = replace(drawn, x=drawn.x.astype(np.float32))
    assert measure_points(single, oracle) == pytest.approx(measure_points(drawn, oracle), abs=1e-4)


def test_arrays_that_cannot_belong_together_are_refused(drawn, oracle):
    refused = (ValueError, TypeError)
    for name in ("x", "logits", "log_density"):
        with pytest.raises(refused, match=name):
            replace(drawn, **{name: getattr(drawn, name)[:-1]})
        holed = getattr(drawn, name).copy()
        holed[4] = np.nan
        with pytest.raises(ValueError, match=f"{name} holds NaN"):
            replace(drawn, **{name: holed})
    with pytest.raises(ValueError, match="label reaches from 1 to 3: logits knows the classes 0 to 2"):
        replace(drawn, label=drawn.label + 1)
    with pytest.raises(ValueError, match="label holds class 2 0 times"):
        measure_points(replace(drawn, label=drawn.label % 2), oracle)
    with pytest.raises(ValueError, match="tilted has 2 densities"):
        replace(oracle, tilted=oracle.tilted[:2])
    with pytest.raises(ValueError, match="tilted is None"):
        against_tilted(drawn, replace(oracle, tilted=None))
    wide = replace(drawn, logits=np.concatenate([drawn.logits, drawn.logits[:, :1]], axis=1))
    with pytest.raises(ValueError, match="drawn has 4 classes of 2 numbers, oracle 3 of 2"):
        measure_points(wide, oracle)
