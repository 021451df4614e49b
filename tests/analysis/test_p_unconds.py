"""What is told of shares of dropped labels."""

import pandas as pd

from analysis import reference
from analysis.findings.beside_paper import over_scales, over_w
from analysis.findings.p_unconds import sentences


def test_it_is_said_where_no_p_uncond_is_better_with_guidance():
    columns = {
        "units": 3,
        "over": "trainings",
        "margin": 0.4,
        "difference": 0.1,
        "low": -0.1,
        "high": 0.3,
        "verdict": "equivalent",
    }
    frame = pd.DataFrame([{"metric": "fid_digits", "p_uncond": p, "w": 0.0, "reference_w": 0.0, **columns} for p in (0.2, 0.5)])
    (text,) = sentences(frame, 0.1)
    assert "(each at its own best w, which is 0 for all; 3 trainings;" in text
    (text,) = sentences(frame.assign(w=[0.0, 1.0]), 0.1)
    assert "(each at its own best w; 3 trainings;" in text


def test_where_along_w_curves_are_best_is_told_beside_the_paper():
    ours = pd.DataFrame(
        [(0.1, 0, 2, 9), (0.1, 1, 1.5, 9.5), (0.5, 0, 1.2, 8), (0.5, 1, 3, 7)], columns=["p_uncond", "w", "fid", "is"]
    )
    paper = pd.DataFrame([(0.1, 0, 1.8, 53.71), (0.1, 4, 26.22, 260.2)], columns=["p_uncond", "w", "fid", "is"])
    assert over_w(ours, paper, "p_uncond") == [
        "The least FID over w is 1.50 at w = 1 (p_uncond = 0.1), 1.20 at w = 0 (p_uncond = 0.5); in the paper 1.80 at w = 0 "
        "(p_uncond = 0.1).",
        "The largest Inception score over w is 9.50 at w = 1 (p_uncond = 0.1), 8.00 at w = 0 (p_uncond = 0.5); in the paper "
        "260 at w = 4 (p_uncond = 0.1).",
    ]


def test_measures_at_the_scales_of_the_paper_are_told_base_by_base():
    ours = pd.DataFrame(
        {"conditional": [True, True, False], "scale": [10.0, 0.0, 1.0], "fid": [3.0, 2.0, 5.0], "recall": [0.4, 0.8, 0.6]}
    )
    texts = over_scales(ours, reference.table("adm_table4_imagenet256"))
    assert texts == [
        "On the unconditional base, at scales 1: FID 5.00, in the paper 33.0; recall 0.600, in the paper 0.650.",
        "On the conditional base, at scales 0, 10: FID 2.00, 3.00, in the paper 10.9, 9.11; recall 0.800, 0.400, in the paper "
        "0.630, 0.320.",
    ]
