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
