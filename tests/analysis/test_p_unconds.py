"""What is told of shares of dropped labels."""

import pandas as pd

from analysis.findings.p_unconds import sentences
from analysis.reports.paper_cfg import _text


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


def test_the_terminal_says_the_least_fid_of_each_once():
    rows = [(0.1, 0.0, 2.0), (0.1, 1.0, 1.5), (0.5, 0.0, 1.2), (0.5, 1.0, 3.0)]
    text = _text(pd.DataFrame(rows, columns=["p_uncond", "w", "fid"]), "Shape only.")
    assert text.splitlines() == [
        "p_uncond = 0.1: least FID 1.500 at w = 1, 2.000 at w = 0",
        "p_uncond = 0.5: least FID 1.200 at w = 0, without guidance",
        "Shape only.",
    ]
