"""The paper's tables ship with the package, whole and as printed."""

import pytest

from analysis import reference


def test_table_1_is_as_printed():
    table = reference.table("cfg_table1_imagenet64")
    assert list(table.columns) == ["w", "p_uncond", "fid", "is"] and len(table) == 14 * 3
    at = table.set_index(["w", "p_uncond"])
    assert tuple(at.loc[(0.0, 0.1)]) == (1.80, 53.71) and tuple(at.loc[(4.0, 0.5)]) == (21.48, 225.1)
    lowest = table.loc[table.groupby("p_uncond")["fid"].idxmin()]
    assert set(lowest["w"]) == {0.1}


def test_table_2_is_as_printed():
    table = reference.table("cfg_table2_imagenet128")
    assert list(table.columns) == ["w", "steps", "fid", "is"] and len(table) == 14 * 3
    at = table.set_index(["w", "steps"])
    assert tuple(at.loc[(0.3, 256)]) == (2.43, 158.47) and tuple(at.loc[(0.0, 128)]) == (8.11, 81.46)


def test_scores_rise_with_w_in_both():
    for name, by in (("cfg_table1_imagenet64", "p_uncond"), ("cfg_table2_imagenet128", "steps")):
        for _, column in reference.table(name).sort_values("w").groupby(by)["is"]:
            assert column.is_monotonic_increasing


def test_other_names_are_answered_with_the_names_there_are():
    with pytest.raises(ValueError, match="cfg_table1_imagenet64, cfg_table2_imagenet128"):
        reference.table("../secrets")


def test_table_4_of_adm_is_as_printed():
    table = reference.table("adm_table4_imagenet256")
    at = table.set_index(["conditional", "scale"])
    assert tuple(at.loc[(True, 1.0)][["fid", "sfid", "is", "precision", "recall"]]) == (4.59, 5.25, 186.70, 0.82, 0.52)
    assert tuple(at.loc[(False, 10.0)][["fid", "is"]]) == (12.00, 95.41) and (table["guidance"] == (table["scale"] > 0)).all()


CELLS = reference.table("published_cells")


def test_every_published_cell_is_converted_to_w_as_its_convention_says():
    to_w = {
        "w": lambda scale: scale,
        "w, conditional base": lambda scale: scale,
        "1 + w": lambda scale: scale - 1,
        "1 + w, unconditional base": lambda scale: scale - 1,
        "none": lambda scale: 0.0,
        "none, unconditional base": lambda scale: -1.0,
    }
    for row in CELLS.itertuples():
        assert row.w == pytest.approx(to_w[row.convention](row.scale)), row
        assert (row.scale != row.scale) == row.convention.startswith("none") == (row.guidance == "none"), row


def test_every_published_cell_has_its_source_and_numbers_in_range():
    assert CELLS["source"].str.contains(r"arXiv \d{4}\.\d{5}|\w/\w", regex=True).all()
    assert set(CELLS["kind"]) <= {"paper", "repository", "reproduction"}
    assert set(CELLS["labels"]) <= {"random", "balanced", "none", "not stated"}
    assert (CELLS["n"] == 50_000).all() and CELLS["steps"].between(25, 1024).all() and CELLS["w"].between(-1, 10).all()
    assert CELLS["fid"].between(1, 160).all() and CELLS["is"].dropna().between(30, 400).all()
    assert not CELLS.duplicated(["system", "data", "guidance", "convention", "scale", "sampler", "window"]).any()
    assert {"ADM-G", "CFG", "DiT-XL/2", "SiT-XL/2", "LDM-4-G", "MDTv2-XL/2", "EDM2-XXL"} <= set(CELLS["system"])


def test_cells_of_tables_that_ship_whole_are_the_same_there():
    cfg = CELLS[CELLS["system"] == "CFG"]
    first = reference.table("cfg_table1_imagenet64").query("p_uncond == 0.1").set_index("w")
    second = reference.table("cfg_table2_imagenet128").set_index(["w", "steps"])
    adm = reference.table("adm_table4_imagenet256").set_index(["conditional", "scale"])
    for row in cfg.itertuples():
        printed = first.loc[row.w] if row.data == "ImageNet 64" else second.loc[(row.w, row.steps)]
        assert (row.fid, row[CELLS.columns.get_loc("is") + 1]) == (printed["fid"], printed["is"])
    table_4 = CELLS[CELLS["source"] == "arXiv 2105.05233, Table 4"]
    for row in table_4.itertuples():
        printed = adm.loc[("unconditional" not in row.convention, 0.0 if row.scale != row.scale else row.scale)]
        assert (row.fid, row[CELLS.columns.get_loc("is") + 1]) == (printed["fid"], printed["is"])
    assert len(cfg) == 5 and len(table_4) == 6


def test_methods_of_published_cells_are_ours():
    from guidance import METHODS

    assert set(CELLS["guidance"]) <= {*METHODS, "none"}


def test_the_page_prints_the_published_cells():
    from pathlib import Path

    from analysis.paper.tables import published

    page = (Path(__file__).parents[2] / "docs" / "paper.md").read_text()
    assert published() in page and published().count("\n") == 1 + len(CELLS)
