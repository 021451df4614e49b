"""What the pages of fashion and cifar10-jpeg, and the README, say is what the committed tables hold."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = ROOT / "docs" / "results"


FASHION = {"sampler": "dpm-solver++ on logsnr", "steps": 10, "n": 1000}


def of_fashion(whole_training: bool):
    """The summary of the committed study, of the models that were trained to the end, or of all."""
    from analysis.figures.training import whole
    from analysis.table import read_table, summarise

    summary = summarise(read_table(PLACE / "fashion-full-cpu" / "table.csv"))
    return summary[summary["method"].map(whole)] if whole_training else summary


def test_what_was_found_on_fashion_is_what_the_committed_results_hold():
    from analysis.statistics.best import best_against_plain
    from analysis.statistics.paired import difference
    from analysis.table import read_table

    table = read_table(PLACE / "fashion-full-cpu" / "table.csv")
    table = table[(table["n"] == 1000) & (table["sampler"] == FASHION["sampler"])]
    page = re.sub(r"[\s>]+", " ", (PLACE / "fashion.md").read_text())
    chosen = best_against_plain(table, "fid_fashion").set_index("method")
    row = chosen.loc["classifier-free"]
    said = f"w = 1 is {-row['difference']:.2f} below w = 0 (95 % interval {row['low']:.2f} to {row['high']:.2f}"
    assert row["w"] == 1 and said in page
    stages = [chosen.loc[f"classifier-free (after {steps} steps)", "w"] for steps in (250, 500, 1000)]
    assert stages == [4, 2, 1] and chosen.loc["apg", "w"] == 0

    means = of_fashion(False).set_index(["sampler", "metric", "method", "w"])["value"].loc[FASHION["sampler"]]
    pixels = [means["fid_pixels", "classifier-free", w] for w in (0.0, 0.1, 1.0)]
    assert "{:.1f} at w = 0, {:.1f} at w = 0.1, {:.1f} at w = 1".format(*pixels) in page
    for steps in (250, 500, 1000):
        assert means["fid_pixels", f"classifier-free (after {steps} steps)"].idxmin() in (1, 2)
    scores = [means["is_effnet-lite0-96", "classifier-free", w] for w in (0.0, 4.0)]
    assert "{:.1f} at w = 0, {:.1f} at w = 4".format(*scores) in page

    def run(metric, method, w):
        cells = table[(table["metric"] == metric) & (table["method"] == method) & (table["w"] == w)]
        return cells.set_index(["train_seed", "seed"])["value"]

    for metric, method, w, words in (
        ("fid_fashion", "autoguidance", 0.5, "{:.2f}, 95 % interval {:.2f} to {:.2f}"),
        ("recall_fashion", "autoguidance", 0.5, "{:.2f} more recall ({:.2f} to {:.2f})"),
        ("fid_fashion", "limited-interval", 2.0, "({:.2f}, {:.2f} to {:.2f})"),
        ("fid_fashion", "classifier", 2.0, "{:.2f} worse ({:.2f} to {:.2f})"),
    ):
        gap = difference((run(metric, method, w) - run(metric, "classifier-free", 1.0)).rename("value"))
        assert words.format(gap.mean, gap.low, gap.high) in page, (metric, method)
