"""Two scales: the grid that is made of shares of w, what is said of it, and its section in a report."""

from dataclasses import replace
from itertools import product

import pandas as pd
import pytest
from made import CARD, pictures, results

from analysis.figures.two_scales import heat_maps
from analysis.findings import found, two_scales
from analysis.reports import REPORTS
from analysis.results import WorldFacts
from analysis.statistics.two_scales import grid, of_the_second_scale
from analysis.table import COLUMNS

SHARES = {
    "two-conditions(coarse=0.0)": (1.0, 0.0),
    "two-conditions(coarse=1.0)": (1.0, 1.0),
    "two-conditions(coarse=1.0, fine=0.0)": (0.0, 1.0),
}


def made(seeds=4, **tables):
    """The distance is (class scale - 2)^2 + second scale, second_label half the second scale, up to a seed's own luck."""
    rows = []
    for (method, (fine, coarse)), w, seed in product(SHARES.items(), (0.0, 1.0, 3.0), range(seeds)):
        of_class, second = 1 + fine * w, 1 + coarse * w
        values = {"fid_digits": (of_class - 2) ** 2 + second + 3 * seed, "second_label": second / 2, "is_digits": 1.0}
        rows += [("digits", 0, method, w, "ddim", 8, seed, 100, name, value) for name, value in values.items()]
    whole = results(
        pd.DataFrame(rows, columns=list(COLUMNS)), [WorldFacts("digits", 10, (1, 8, 8), CARD, False, 50)], pictures(80)
    )
    shares = pd.DataFrame([{"method": method, "fine": fine, "coarse": coarse} for method, (fine, coarse) in SHARES.items()])
    return replace(whole, tables={"scales": shares, **tables})


def test_the_grid_has_every_pair_that_was_sampled_once():
    frame = grid(made(), "second_label")
    assert list(frame.index) == [1.0, 2.0, 4.0] and list(frame.columns) == [1.0, 2.0, 4.0]
    assert frame.loc[1.0].tolist() == [0.5, 1.0, 2.0], "the second scale alone"
    assert frame.loc[2.0, 2.0] == 1.0 and pd.isna(frame.loc[2.0, 4.0]), "no such pair was sampled"
    with pytest.raises(ValueError, match="no method with two scales has fid_moons"):
        grid(made(), "fid_moons")


def test_what_the_second_scale_does_alone_is_paired_by_run():
    largest, value, gap = of_the_second_scale(made(), "fid_digits")
    assert (largest, gap.units) == (4.0, 4) and value == pytest.approx(9.5) and gap.mean == pytest.approx(3) and gap.error < 1e-9


def test_the_sentences_and_the_section_are_of_methods_with_two_scales_alone():
    told = two_scales.sentences(made())
    assert "from 1 to 4, that of the class 1, the" in told[0] and "goes from 0.500 to 2.00 (1.50" in told[0]
    assert "Of 7 pairs of scales" in told[1] and "where that of the class is 2 and that of the second label 1" in told[1]
    assert found(made())[0] == told[0]
    (section,) = [section for section in REPORTS["trade-off"](made()).sections if section.heading == "Two scales"]
    assert [figure.name for figure in section.figures] == ["two_scales"] and len(section.tables) == 2 and not section.notes
    panel = heat_maps({"x": grid(made(), "second_label")}).axes[0]
    assert sorted(text.get_text() for text in panel.texts if text.get_text())[:2] == ["0.5", "0.5"]
    plain = replace(made(), tables={})
    assert two_scales.sentences(plain) == []
    assert "Two scales" not in [section.heading for section in REPORTS["trade-off"](plain).sections]
