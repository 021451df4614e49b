"""What the pages of docs/results say is what the committed tables hold."""

import re
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLACE = ROOT / "docs" / "results"
RESULTS = PLACE / "digits-full-cpu"
README = "".join(path.read_text() for path in [ROOT / "README.md", *sorted(PLACE.glob("*.md"))])


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in PLACE.glob("*/manifest.json")))
def test_a_committed_result_is_whole(folder):
    from experiments.studies.publish import check_published

    check_published(PLACE / folder)


def test_the_table_of_the_readme_is_that_of_the_committed_results():
    from analysis.headline import headline, markdown
    from analysis.table import read_table, summarise

    shown = [
        "fid_digits",
        "is_digits",
        "precision_digits",
        "recall_digits",
        "accuracy_evaluator",
        "accuracy_guide",
        "diversity_digits",
    ]
    summary = summarise(read_table(RESULTS / "table.csv"))
    assert markdown(headline(summary, sampler="ancestral", steps=32, n=1000, metrics=shown)) in README


def cells(study: str, words: str, ws: tuple[float, ...], **where: object) -> str:
    """One line of a table of the README, from the committed results of a study."""
    from analysis.table import read_table, summarise

    rows = summarise(read_table(RESULTS.parent / study / "table.csv"))
    for column, value in where.items():
        rows = rows[rows[column] == value]
    rows = rows.set_index("w").loc[list(ws)]
    return f"| {words} | " + " | ".join(f"{v:.3f} ± {sd:.3f}" for v, sd in zip(rows["value"], rows["sd"])) + " |"


def test_the_distances_of_the_gaussians_are_those_of_the_committed_results():
    at = partial(cells, "gaussians-cpu", ws=(0.0, 1.0, 2.0, 4.0), metric="kl_tilted")
    samplers = [("ancestral", 16), ("ancestral", 128), ("ddim", 16), ("ddim", 128), ("dpm-solver++", 64)]
    for sampler, steps in [*samplers, ("langevin-pc(corrections=4)", 64)]:
        assert at(words=f"{sampler}, T = {steps}", method="classifier-free", sampler=sampler, steps=steps) in README
    assert at(words="exact draws", method="tilted draws") in README


def test_the_shares_of_the_network_are_those_of_the_committed_results():
    at = partial(cells, "digits-exact-cpu", ws=(0.0, 0.1, 0.3, 1.0, 2.0, 4.0), metric="frechet_exact")
    assert at(words="classifier-free, exact denoiser", method="classifier-free (exact)") in README
    for method in ("classifier-free", "classifier"):
        assert at(words=f"{method}, networks", method=method) in README


def test_the_verdicts_of_the_page_are_those_of_the_committed_table():
    import pandas as pd

    from analysis.claims import counts
    from analysis.headline import markdown
    from analysis.metrics import comparison
    from analysis.table import read_table
    from analysis.verdicts import overview, verdicts

    folder = PLACE / "methods-full-cpu"
    compared, table = pd.read_csv(folder / "compared.csv"), read_table(folder / "table.csv")
    assert markdown(overview(compared)) in README
    flat = re.sub(r"\s+", " ", README)
    main = table[(table["sampler"] == "ddim(eta=1.0)") & (table["steps"] == 16)]
    for world, here in main.groupby("world"):
        quality, diversity, alike = comparison(here["metric"])
        own = compared[compared["world"] == world]
        again = verdicts(here, alike, quality, diversity)
        assert dict(zip(again["method"], again["verdict"])) == dict(zip(own["method"], own["verdict"])), world
        told = counts(own)
        assert f"{told.another_w} + {told.no_effect} of {told.methods} on `{world}`" in flat
        assert f"{told.different} on `{world}`" in flat and f"{told.undecided} on `{world}`" in flat


def test_most_methods_are_called_plain_guidance_only_where_an_equivalence_test_shows_it():
    import pandas as pd

    from analysis.claims import counts

    compared = pd.read_csv(PLACE / "methods-full-cpu" / "compared.csv")
    shown = all(counts(own).most for _, own in compared.groupby("world"))
    said = re.findall(r".{3}[Mm]ost methods are plain guidance.{80}", re.sub(r"\s+", " ", README))
    assert shown or (said and all("withdrawn" in text for text in said)), said


@pytest.mark.parametrize(
    ("world", "method", "w", "metric", "digits"),
    [
        ("digits", "classifier-free", 0.0, "fid_digits", 2),
        ("digits", "particle-guidance", 2.0, "fid_digits", 2),
        ("gaussians", "classifier-free", 1.0, "kl_tilted", 3),
        ("gaussians", "characteristic", 1.0, "kl_tilted", 3),
        ("gaussians", "pcg", 1.0, "kl_tilted", 3),
        ("gaussians", "tilted draws", 1.0, "kl_tilted", 3),
        ("digits-exact", "gibbs", 4.0, "frechet_exact", 3),
        ("digits-exact", "classifier-free", 0.25, "frechet_exact", 3),
        ("digits-exact", "real", None, "frechet_exact", 3),
    ],
)
def test_a_number_of_the_methods_is_that_of_the_committed_study(world, method, w, metric, digits):
    from analysis.table import read_table, summarise

    rows = summarise(read_table(RESULTS.parent / "methods-full-cpu" / "table.csv"))
    rows = rows[(rows["world"] == world) & (rows["method"] == method) & (rows["metric"] == metric) & rows["steps"].isin([0, 16])]
    (row,) = rows[rows["w"].isna() if w is None else rows["w"] == w].itertuples()
    assert f"{row.value:.{digits}f} ± {row.sd:.{digits}f}" in re.sub(r"\s+", " ", README)


CLASSIFIERS = RESULTS.parent / "classifiers-full-cpu"


def spread(values, digits: int) -> str:
    """Mean and standard deviation as the README writes them, which of one run has no spread."""
    return f"{values.mean():.{digits}f}" + (f" ± {values.std():.{digits}f}" if len(values) > 1 else "")


@pytest.mark.parametrize(
    ("world", "metric", "levels", "digits"),
    [("digits", "accuracy", (-6, -1, 0, 1, 3), 3), ("digits-exact", "gradient_cosine", (-6, -4, -2, -1, 0, 1), 2)],
)
def test_what_classifiers_know_is_that_of_the_committed_study(world, metric, levels, digits):
    import pandas as pd

    found = pd.read_csv(CLASSIFIERS / "by_level.csv")
    found = found[(found["world"] == world) & (found["metric"] == metric)]
    names = [name for name in found["classifier"].unique() if name != "exact"]
    for name in names:
        own = found[found["classifier"] == name]
        row = [spread(own.loc[own["logsnr"] == level, "value"], digits) for level in levels]
        assert f"| {name} | {' | '.join(row)} |" in README, name
    assert len(names) == {"digits": 9, "digits-exact": 6}[world]


def test_the_gaps_of_the_guides_are_those_of_the_committed_study():
    import pandas as pd

    gaps = pd.read_csv(CLASSIFIERS / "attack.csv").set_index(["world", "guided", "w"])
    rows = re.findall(r"\| `([a-z-]+)`, (.+?) \| (\d+) \| (.*) \|\n", README)
    assert len(rows) == 12
    for world, guided, w, shown in rows:
        own = gaps.loc[(world, guided, float(w))]
        numbers = [f"{own[name]:.3f} ± {own[name + '_sd']:.3f}" for name in ("guide", "evaluators", "gap")]
        assert " | ".join([*numbers, f"{own['baseline']:.3f}"]) == shown, (guided, w)
    on_the_conditional = gaps[~gaps.index.get_level_values("guided").str.contains("unconditional")]
    assert on_the_conditional["gap"].max() < 0.003 and on_the_conditional["evaluators"].min() > 0.996


def test_the_asymmetry_of_the_fields_is_that_of_the_committed_study():
    import pandas as pd

    fields = pd.read_csv(CLASSIFIERS / "jacobian.csv")
    networks = fields[fields["of"] == "networks"].groupby("field")["value"].agg(["min", "max"])
    flat = re.sub(r"\s+", " ", README)
    for name in ("difference", "guided", "conditional"):
        assert f"{networks.loc[name, 'min']:.2g} to {networks.loc[name, 'max']:.2g}" in flat, name
    assert networks.loc["classifier", "max"] < 6.5e-5 and fields.loc[fields["of"] == "exact", "value"].max() < 2e-11


@pytest.mark.parametrize(
    ("method", "w", "said"),
    [
        ("clean, of x", 1.0, "10.1 ± 0.2 (w = 1)"),
        ("half-unet", 4.0, "8.3 ± 0.4 (w = 4)"),
        ("plain", 0.0, "w = 0 has 5.9 ± 0.0"),
        ("clean, through the denoiser", 16.0, "up to w = 16 (5.9 ± 0.1)"),
        ("joint energy", None, "59 ± 44"),
    ],
)
def test_a_distance_of_the_guides_is_that_of_the_committed_study(method, w, said):
    from analysis.table import read_table, summarise

    rows = summarise(read_table(CLASSIFIERS / "table.csv"))
    rows = rows[(rows["world"] == "digits") & (rows["method"] == method) & (rows["metric"] == "fid_digits")]
    (row,) = rows[rows["w"].isna() if w is None else rows["w"] == w].itertuples()
    digits = 0 if w is None else 1
    assert said in re.sub(r"\s+", " ", README) and f"{row.value:.{digits}f} ± {row.sd:.{digits}f}" in said
