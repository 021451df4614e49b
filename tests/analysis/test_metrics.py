"""Every column has one description, and how methods are compared follows from the columns that a world has."""

import pytest

from analysis.metrics import METRICS, column, columns_of, comparison, main_columns, metric

PLANE = ["kl_tilted", "mmd_tilted", "wasserstein_tilted", "mean_error_tilted", "outside_tilted"]
EXACT = [
    "accuracy_exact",
    "confidence_exact",
    "is_exact",
    "nll_exact",
    "frechet_exact",
    "frechet_class_exact",
    "std_within_class",
]
COST = ["seconds_per_sample", "peak_memory_mib", "nfe_denoiser_forward", "nfe_weak_forward", "effective_w", "cfg_residual"]


def images(features):
    own = [f"{name}_{features}" for name in ("fid", "is", "precision", "recall", "diversity")]
    return [own[0], "fid_pixels", *own[1:4], "accuracy_evaluator", own[4], "diversity_pixels", "accuracy_guide"]


def test_a_metric_is_described_once():
    assert len({one.name for one in METRICS}) == len(METRICS)
    assert all(one.title and (one.reading == "" or one.higher_is_better is None) for one in METRICS)
    names = {one.name for one in METRICS}
    assert all({*one.alike, *([one.diversity] if one.diversity else [])} <= names for one in METRICS)


BY_LAMBDA = ["accuracy_by_clean", "accuracy", "robust_accuracy", "kl_exact", "gradient_cosine", "nll", "calibration_error"]


@pytest.mark.parametrize("held", [PLANE + EXACT, images("digits"), COST, BY_LAMBDA])
def test_every_column_of_a_study_is_known_and_keeps_its_name(held):
    for name in held:
        assert metric(name).title != name or name in ("accuracy", "std_within_class"), name
        assert metric(name).column == name and column(metric(name).name, metric(name).of) == name


def test_suffixes_are_resolved_and_what_has_none_is_left_alone():
    assert (metric("fid_moons").name, metric("fid_moons").of, metric("fid_moons").suffix) == ("fid", "moons", "features")
    assert metric("fid_digits-exact").of == "digits-exact" and metric("accuracy_by_my_own").of == "my_own"
    assert metric("fid_pixels").of == metric("is_exact").of == metric("accuracy_evaluator").of == ""
    assert column("fid", "inception") == "fid_inception" and column("std_within_class", "inception") == "std_within_class"
    with pytest.raises(ValueError, match="fid depends on the features behind it"):
        column("fid")


def test_words_have_unit_features_and_direction():
    assert metric("kl_tilted").axis == "KL divergence from the tilted density, nats"
    assert metric("kl_tilted").heading == "KL divergence from the tilted density (lower is better)"
    assert metric("precision_x").heading == "precision (higher is better)"
    assert metric("diversity_x").label == "cosine distance within a class on x features (higher is more diverse)"
    assert metric("fid_x").axis == "Fréchet distance on x features" and metric("seconds_per_sample").axis == "seconds per sample"
    novel = metric("novel")
    assert (novel.title, novel.axis, novel.heading, novel.label, novel.higher_is_better) == (*["novel"] * 4, None)


BEFORE = {  # as it was written down for each world, until it was chosen from the columns
    "gaussians": ("kl_tilted", "std_within_class", ("std_within_class", "nll_exact", "confidence_exact", "frechet_exact")),
    "digits-exact": (
        "frechet_exact",
        "std_within_class",
        ("frechet_exact", "frechet_class_exact", "std_within_class", "nll_exact"),
    ),
    "digits": ("fid_digits", "diversity_digits", ("fid_digits", "diversity_digits", "recall_digits", "is_digits", "fid_pixels")),
}


@pytest.mark.parametrize(("world", "held"), [("gaussians", EXACT + PLANE), ("digits-exact", EXACT), ("digits", images("digits"))])
@pytest.mark.parametrize("turned", [False, True])
def test_the_worlds_are_compared_as_they_always_were(world, held, turned):
    assert comparison((held + COST)[:: -1 if turned else 1]) == BEFORE[world]


def test_the_world_of_a_user_is_compared_by_what_it_has():
    quality, diversity, alike = comparison(images("inception") + COST)
    assert (quality, diversity) == ("fid_inception", "diversity_inception")
    assert alike == ("fid_inception", "diversity_inception", "recall_inception", "is_inception", "fid_pixels")
    pixels = ("fid_pixels", "diversity_pixels")
    assert comparison(pixels) == (*pixels, pixels)
    assert comparison(["std_within_class", "frechet_exact"]) == (
        "frechet_exact",
        "std_within_class",
        ("frechet_exact", "std_within_class"),
    )
    both = [*images("digits"), *images("inception")]
    assert comparison(both).quality == "fid_digits" and comparison(both[::-1]).diversity == "diversity_inception"
    collapsed = [name for name in EXACT + PLANE if name != "kl_tilted"]
    assert comparison(collapsed).quality == "frechet_exact"
    for held in ([], COST, ["fid_moons"]):
        with pytest.raises(ValueError, match="no quality with its diversity .*: it has"):
            comparison(held)


def test_the_main_table_shows_what_it_showed():
    assert main_columns(images("digits") + COST) == ["fid_digits", "is_digits", "accuracy_evaluator", "diversity_digits"]
    most = ["fid_x", "fid_pixels", "is_x", "precision_x", "recall_x", "accuracy_evaluator", "accuracy_guide", "diversity_x"]
    assert main_columns(images("x"), report=True) == [*most, "diversity_pixels"]
    exact = ["kl_tilted", "wasserstein_tilted", "frechet_exact", "is_exact", "accuracy_exact", "nll_exact"]
    assert main_columns(EXACT + PLANE) == exact and main_columns(EXACT) == exact[2:]
    assert main_columns(EXACT + PLANE, report=True) == [*exact, "mmd_tilted", "std_within_class"]
    assert columns_of("fid", [*images("b"), *images("a"), "fid_b"]) == ["fid_b", "fid_a"]
