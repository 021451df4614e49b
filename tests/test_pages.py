"""What the pages of docs/results say is what the committed tables hold."""

import re
from pathlib import Path

import pytest

from analysis.pages import filled, pages

ROOT = Path(__file__).parent.parent
PLACE = ROOT / "docs" / "results"
README = "".join(path.read_text() for path in [ROOT / "README.md", *sorted(PLACE.glob("*.md"))])


@pytest.mark.parametrize("page", [path.relative_to(ROOT) for path in pages(ROOT)], ids=str)
def test_every_table_and_marked_number_of_a_page_is_that_of_the_committed_results(page):
    text = (ROOT / page).read_text()
    assert filled(text, PLACE) == text, "make pages"


def test_a_digit_is_seen_and_what_cannot_be_made_is_named():
    text = (PLACE / "exact-worlds.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| ancestral, T = 16"))
    assert filled(text.replace(row, row.replace("0.0", "0.1", 1)), PLACE) == text
    value = "<!-- value gaussians-cpu kl_tilted classifier-free 1 sampler=ancestral steps={} digits=1 -->0<!-- end -->"
    assert re.search(r"-->0\.\d ± 0\.\d<!--", filled(value.format(16), PLACE))
    for wrong, words in [(value.format(17), "0 rows fit"), ("<!-- table ranking x --><!-- end -->", "ranking")]:
        with pytest.raises(ValueError, match=words):
            filled(wrong, PLACE)


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in PLACE.glob("*/manifest.json")))
def test_a_committed_result_is_whole(folder):
    from experiments.studies.publish import check_published

    check_published(PLACE / folder)


def test_the_verdicts_of_the_page_are_those_of_the_committed_table():
    import pandas as pd

    from analysis.metrics import comparison
    from analysis.statistics.verdicts import verdicts
    from analysis.table import read_table

    folder = PLACE / "methods-full-cpu"
    compared, table = pd.read_csv(folder / "compared.csv"), read_table(folder / "table.parquet")
    main = table[table["sampler"].str.startswith("ddim(eta=1.0)") & (table["steps"] == 16)]
    assert set(main["world"]) == set(compared["world"]) == {"gaussians", "digits-exact", "digits", "fashion"}
    for world, here in main.groupby("world"):
        quality, diversity, alike = comparison(here["metric"])
        own = compared[compared["world"] == world]
        again = verdicts(here, alike, quality, diversity)
        assert dict(zip(again["method"], again["verdict"])) == dict(zip(own["method"], own["verdict"])), world


def test_most_methods_are_called_plain_guidance_only_where_an_equivalence_test_shows_it():
    import pandas as pd

    from analysis.statistics.claims import counts

    compared = pd.read_csv(PLACE / "methods-full-cpu" / "compared.csv")
    shown = all(counts(own).most for _, own in compared.groupby("world"))
    said = re.findall(r".{20}[Mm]ost methods are plain guidance.{80}", re.sub(r"\s+", " ", README))
    assert shown or (said and all("withdrawn" in text or "not shown that most" in text for text in said)), said


def test_of_the_conditional_model_there_is_nothing_to_gain():
    import pandas as pd

    gaps = pd.read_csv(PLACE / "classifiers-full-cpu" / "attack.csv")
    conditional = gaps[~gaps["guided"].str.contains("unconditional")]
    assert (conditional["gap"] - conditional["baseline"]).max() < 0.006 and conditional["evaluators"].min() > 0.99


def test_the_plain_guide_alone_thinks_more_of_its_samples_beyond_the_spread():
    import pandas as pd

    gaps = pd.read_csv(PLACE / "classifiers-full-cpu" / "attack.csv").set_index(["world", "guided"])
    over = (gaps["gap"] > gaps["gap_sd"])[gaps["w"] > 0]
    plain, robust = ("plain, unconditional", "robust, unconditional")
    assert over.loc["digits-exact", plain].all() and [*over.loc["digits", plain]] == [False, False, True]
    assert not over.loc["digits", robust].any()


def test_a_gap_is_paired_and_found_sentences_are_those_of_the_report(tmp_path):
    import pandas as pd

    from analysis.table import write_table

    keys = {"world": "moons", "sampler": "ddim", "steps": 8, "n": 100, "metric": "fid_moons", "train_seed": 0}
    rows = [
        {**keys, "method": method, "w": w, "seed": seed, "value": 5.0 * seed + value + 0.1 * seed * w}
        for method, w, value in (("plain", 0.0, 3.0), ("other", 1.0, 1.0))
        for seed in range(3)
    ]
    (tmp_path / "mine").mkdir()
    write_table(pd.DataFrame(rows), tmp_path / "mine" / "table.csv")
    told = ["It falls.", "It rises.", *(f"Sentence {i}." for i in range(3, 10))]
    (tmp_path / "mine" / "summary.txt").write_text("\n".join(told) + "\n\nfid\n1.0\n")
    gap = filled("<!-- gap mine fid_moons other 1 plain 0 -->x<!-- end -->", tmp_path)
    # differences -2, -1.9, -1.8: mean -1.9, sd 0.1, t(0.975, 2) = 4.303, reach 4.303 * 0.1 / sqrt(3)
    assert "-->-1.90 (95 % interval -2.15 to -1.65 over 3 sampling seeds)<!--" in gap
    more = pd.DataFrame(rows).query("method == 'plain'").assign(steps=16, value=lambda own: own["value"] + 1)
    write_table(pd.concat([pd.DataFrame(rows), more]), tmp_path / "mine" / "table.csv")
    levels = filled("<!-- gap mine fid_moons plain 0 plain 0 steps=16 other_steps=8 -->x<!-- end -->", tmp_path)
    assert "-->+1.00 (95 % interval 1.00 to 1.00 over 3 sampling seeds)<!--" in levels
    found = filled("<!-- found mine --><!-- end -->", tmp_path)
    assert "> - It falls.\n> - It rises.\n" in found and "fid" not in found
    assert "Sentence 6." in found and "Sentence 7." not in found and "> 3 more in [summary.txt](mine/summary.txt)" in found
    with pytest.raises(ValueError, match="found nowhere"):
        filled("<!-- found nowhere --><!-- end -->", tmp_path)


def test_a_further_table_is_shown_with_its_spreads_and_intervals(tmp_path):
    import pandas as pd

    rows = [
        {"world": "moons", "method": "late", "w": 0.5, "loss": 1.25, "loss_sd": 0.5, "difference": 0.1, "low": -0.2, "high": 0.4},
        {"world": "moons", "method": "plain", "w": 1.0, "loss": 1.0, "verdict": "tie"},
        {"world": "sun", "method": "plain", "w": 1.0, "loss": 9.0},
    ]
    (tmp_path / "mine").mkdir()
    pd.DataFrame(rows).to_csv(tmp_path / "mine" / "told.csv", index=False)
    mark = "<!-- table frame mine frame=told columns=method,w,loss,difference,verdict digits=1 world=moons -->"
    page = filled(f"{mark}<!-- end -->", tmp_path)
    assert "| late | 0.5 | 1.2 ± 0.5 | 0.1 (-0.2 to 0.4) |  |\n| plain | 1 | 1.0 |  | tie |\n" in page and "9.0" not in page
    with pytest.raises(ValueError, match="no row with {'world': 'mars'}"):
        filled(f"{mark.replace('moons', 'mars')}<!-- end -->", tmp_path)
