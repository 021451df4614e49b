"""Results are plain data: what is derived of them, one world's part, and a study of which nothing is left."""

import numpy as np
import pandas as pd
import pytest
from made import in_the_plane, of_images, of_methods, pictures, results, tidy

from analysis.results import WorldFacts
from analysis.table import read_table, summarise, write_table


def test_seeds_methods_and_strengths_are_those_of_the_table():
    images, plane = of_images(), in_the_plane(ws=(-1.0, 0.0, 2.0))
    assert images.train_seeds == [0, 1] and images.sample_seeds == [0, 1] and images.runs == 4
    assert plane.train_seeds == [] and plane.sample_seeds == [0, 1] and plane.runs == 2
    assert images.methods == ["classifier-free", "classifier"] and plane.methods == ["classifier-free", "temperature"]
    assert plane.ws == [-1.0, 0.0, 2.0]
    assert "kl_tilted" in plane.columns and "kl_tilted" not in in_the_plane(collapsed=True).columns


def test_the_table_is_read_as_from_its_file(tmp_path):
    made = in_the_plane()
    path = write_table(made.table.assign(value=made.table["value"] / 3), tmp_path / "table.csv")
    made = results(made.table.assign(value=made.table["value"] / 3), list(made.worlds.values()), pictures())
    pd.testing.assert_frame_equal(made.read, read_table(path))
    pd.testing.assert_frame_equal(made.summary, summarise(read_table(path)))


def test_a_world_is_taken_with_all_that_is_its_own():
    made = of_methods()
    own = made.of("moons")
    assert own.world.name == "moons" and list(own.n) == ["moons"] and {cell.world for cell in own.cells} == {"moons"}
    assert set(own.table["world"]) == {"moons"} and "kl_tilted" not in own.columns and "fid_moons" in own.columns
    with pytest.raises(ValueError, match="there are the worlds plane, moons"):
        made.world  # noqa: B018


def test_where_every_cell_failed_there_is_an_empty_table():
    facts = WorldFacts("moons", 2, (1, 8, 8), {}, False)
    for table in (pd.DataFrame(), tidy([])):
        none = results(table, [facts], pictures(), failed={"one": "it burned"})
        assert none.read.empty and none.summary.empty and none.methods == none.ws == none.columns == []
    only_real = tidy([("moons", -1, "real", np.nan, "", 0, -1, 9, "fid_moons", 1.0)])
    assert results(only_real, [facts], pictures()).methods == []
