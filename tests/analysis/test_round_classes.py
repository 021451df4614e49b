"""What is said of changes of round classes that are known."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from analysis.findings.round_classes import _largest, sentences
from analysis.reports import REPORTS
from analysis.reports.claims import SHOWN, readable
from analysis.results import Results, WorldFacts
from analysis.statistics import round_classes as measured

MEANS, STD = np.array([[2.0, 0.0], [-2.0, 0.0]]), 0.5
SDE, STEPS, SEEDS = "ddim(eta=1.0)", 32, (0, 1, 2, 3)
TURNED = {"negative-window(turn=0.25)": 0.25, "negative-window(turn=1)": 1.0}  # where they turn, and what variance that adds


def made(gap: float = 0.0, growth: float = 0.5, seeds: tuple[int, ...] = SEEDS) -> Results:
    """A study as it would be: guidance shifts by w / dimension, more with more classes; gap: of a's second method."""
    worlds = [("a", 8, 1.0, 8), ("a", 32, 1.0, 8), ("window", 8, 1.0, 8), ("d", 8, 1.0, 8)]
    worlds += [("b", d, 1.0, k) for d in (2, 8) for k in (2, 8)] + [("exponential", 2, 1.0, 4), ("exponential", 4, 1.0, 16)]
    worlds += [("c", d, g, 2) for g in (1.0, 0.0) for d in (2, 128)]
    frame = pd.DataFrame(worlds, columns=["question", "dimension", "growth", "classes"])
    frame["world"] = [
        f"d{d}-k{k}" + ("" if g else "-growth0") for d, g, k in zip(frame["dimension"], frame["growth"], frame["classes"])
    ]
    rng, rows, moved = np.random.default_rng(2), {}, []
    methods = {"a": ("classifier-mean", "classifier-at-mean"), "window": ("limited-interval(logsnr_max=-2.0)", *TURNED),
               "d": ("classifier-free", "classifier")}  # fmt: skip
    methods |= dict.fromkeys(("b", "exponential", "c"), ("classifier-free",))
    for world in frame.itertuples():
        for seed in seeds:
            luck = np.sin(7 * seed) / 10
            for method in dict.fromkeys(("classifier-free", *methods[world.question])):
                for w in (-0.5,) if "interval" in method else (0.0, 2.0) if method == "classifier-free" else (2.0,):
                    turned = TURNED.get(method, 0.0)
                    own = w / world.dimension * (1 + growth * np.log(world.classes)) + gap * (method == "classifier-at-mean")
                    own += rng.standard_normal() / 1000
                    values = {"shift_along": own, "variance_along": 1 - own, "distortion": own**2, "boundary_distance": own + 3}
                    values |= {"variance_along": 1 + turned - own, "wrong_side": 0.1 + turned / 10, "variance_across": 1.0}
                    for metric, number in values.items():
                        key = (world.world, -1, method, w, SDE, STEPS, seed, 100, metric)
                        rows[key] = number + luck
                    if world.question == "d" and w:
                        entry = {"world": world.world, "method": method, "w": w, "seed": seed, "n": 100, "away": 1.0}
                        moved.append({**entry, "of": "unguided", "bin": "within 1", "moved": own})
                        moved.append({**entry, "of": "classifier-free", "bin": "largest", "moved": 1e-6})
    columns = ["world", "train_seed", "method", "w", "sampler", "steps", "seed", "n", "metric"]
    table = pd.DataFrame([(*key, number) for key, number in rows.items()], columns=[*columns, "value"])
    levels = np.arange(-10.0, 11.0)
    field = [
        {"world": world.world, "logsnr": level, "difference": 1.0,
         "posterior": 0.5 + 0.5 / (1 + np.exp(-level - np.log(world.dimension)))}
        for world in frame[frame["question"] == "c"].itertuples()
        for level in levels
    ]  # fmt: skip
    compared = [(question, method, SDE, TURNED.get(method)) for question, names in methods.items() for method in names]
    facts = {name: WorldFacts(name, 8, (2,), {}, True) for name in frame["world"].unique()}
    tables = {"worlds": frame, "moved": pd.DataFrame(moved), "field": pd.DataFrame(field)}
    tables["compared"] = pd.DataFrame(compared, columns=["question", "method", "sampler", "turn"])
    tables["compared"]["negative"] = tables["compared"]["turn"] * 0 - 0.5
    return Results("claims", "Claims", facts, table, [], SDE, STEPS, dict.fromkeys(facts, 100), tables=tables)


def test_changes_are_paired_so_that_the_luck_of_a_seed_drops_out():
    frame = measured.by_classes(made()).set_index(["dimension", "classes"])
    row = frame.loc[(2, 8)]
    assert row["shift_along"] == pytest.approx(1 + 0.5 * np.log(8), abs=0.01)
    assert row["shift_along_high"] - row["shift_along_low"] < 0.02  # that of the seeds' luck would be 0.3


def test_what_is_equivalent_is_called_so_and_a_difference_what_it_is():
    alike, apart = (measured.at_mean(made(gap)).set_index(["dimension", "measure"])["verdict"] for gap in (0.0, 0.2))
    assert set(alike) == {"equivalent"}
    assert apart[8, "shift_along"] == "larger" and apart[8, "variance_along"] == "smaller"
    assert set(measured.at_mean(made(0.2, seeds=(0,)))["verdict"]) == {"undecided"}  # one seed shows nothing


def test_growth_with_classes_has_its_sign():
    up, down = (measured.growth_with_classes(made(growth=growth), 2.0).set_index("dimension") for growth in (0.5, -0.2))
    assert up["apart"].all() and (up["growth"] > 0).all() and (down["growth"] < 0).all()


def test_exact_is_what_is_shown_to_be_small_in_both():
    frame = measured.with_dimension(made()).set_index(["growth", "dimension"])["exact"]
    assert frame[1.0, 128] == "yes" and frame[1.0, 2] == "no"


def test_half_way_is_read_off_the_field():
    frame = measured.half_way(made()).set_index(["growth", "dimension"])["logsnr"]
    assert frame[1.0, 128] == pytest.approx(-np.log(128), abs=0.1)


@pytest.mark.slow
def test_the_sentences_say_what_the_numbers_are_and_the_report_has_a_figure_and_a_table_for_each(tmp_path):
    told = " ".join(sentences(made()))
    assert (
        "of 4 comparisons 4 equivalent" in told
        and "alike in 1 of 1" in told
        and "grows with the number of classes in 2 of 2" in told
    )
    assert "With 2^d classes, ddim(eta=1.0), w = 2, the distortion falls from 2.8" in told
    assert "; with 8 it falls from 4.1" in told and "std^2 in d = 2 to 0.259 in d = 8" in told
    assert "Of 2 lambdas where w = 2 turns to -1, 0.25 leaves the variance nearest" in told
    assert "where plain guidance changes them by -0.509" in told
    results = made()
    rest = results.table[~results.table["method"].str.startswith("limited-interval")]
    assert "Of 2 lambdas" in " ".join(sentences(dataclasses.replace(results, table=rest))), "no window alone was tried"
    assert "0 equivalent" in " ".join(sentences(made(0.2))) and "falls in 2" in " ".join(sentences(made(growth=-0.2)))
    report = REPORTS["claims"](made())
    asked = [section for section in report.sections if section.heading[:2] in ("a.", "b.", "c.", "d.")]
    assert len(asked) == 4 and all(len(section.figures) == 1 and section.tables for section in asked)
    assert not any("Left out" in section.notes for section in asked)
    report.write(tmp_path)
    for name, shown in SHOWN.items():
        frame = pd.read_csv(tmp_path / f"{name}.csv")
        seen = readable(frame, *shown.columns)
        assert len(seen) == len(frame) > 0, name
        assert "_along" not in seen.reset_index().to_csv(), f"{name}: a measure stands there under the name of its column"


def test_a_distortion_that_is_largest_in_the_last_dimension_is_told_from_the_first():
    line = pd.DataFrame({"dimension": [1, 8, 32], "distortion": [0.2, 0.5, 0.9]})
    assert _largest(line) == 0 and _largest(line.assign(distortion=[0.2, 0.9, 0.5])) == 1


@pytest.mark.slow
def test_a_report_of_little_says_what_is_missing():
    results = made()
    few = dataclasses.replace(results, table=results.table[results.table["method"] == "classifier-free"])
    report = REPORTS["claims"](few)
    (a,) = (section for section in report.sections if section.heading.startswith("a."))
    assert not a.figures and "Left out" in a.notes
    nothing = REPORTS["claims"](dataclasses.replace(results, table=results.table[:0]))
    assert nothing.found and not [picture for section in nothing.sections for picture in section.figures]
