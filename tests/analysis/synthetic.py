"""A small study made of known numbers, so that a test knows what every figure must show."""

import pandas as pd

from analysis.table import COLUMNS

W = (0.0, 0.1, 0.5, 4.0)
FID = {0.0: 0.30, 0.1: 0.25, 0.5: 0.50, 4.0: 1.40}
METHODS = {"classifier-free": 0.0, "classifier": 0.02}  # added to every value


def value(metric: str, method: str, w: float, n: int, run: int) -> float:
    """Value of one run; run r lies r/50 above run 0, and n = 500 lies 0.1 above n = 1000."""
    base = FID[w] if metric == "fid_digits" else 0.5 + 0.1 * w
    return base + METHODS[method] + 0.02 * run + (0.1 if n == 500 else 0.0)


def study(runs: int = 4, kinds: tuple[tuple[str, int], ...] = (("ancestral", 32), ("ddim", 16))) -> pd.DataFrame:
    """The tidy table: run r has train_seed r // 2 and seed r % 2; the real test set at n = 500 only."""
    metrics = ["fid_digits", "is_digits", "precision_digits", "recall_digits", "accuracy_evaluator", "accuracy_guide"]
    metrics += ["diversity_digits", "diversity_pixels"]
    rows = [
        ("digits", run // 2, method, w, sampler, steps, run % 2, n, metric, value(metric, method, w, n, run))
        for run in range(runs) for method in METHODS for w in W for sampler, steps in kinds for n in (1000, 500)
        for metric in metrics
    ]  # fmt: skip
    for method in METHODS:
        for w in W:
            guided = w != 0
            calls = {
                "nfe_denoiser_forward": 32 * (2 if guided and method == "classifier-free" else 1),
                "nfe_denoiser_backward": 0,
                "nfe_classifier_forward": 32 * (guided and method == "classifier"),
                "nfe_classifier_backward": 32 * (guided and method == "classifier"),
                "seconds_per_sample": 0.010 if guided else 0.005,
                "peak_memory_mib": 400,
            }
            rows += [("digits", 0, method, w, "ancestral", 32, 0, 1000, name, float(x)) for name, x in calls.items()]
    rows += [("digits", 0, "real", float("nan"), "", 0, -1, 500, metric, 0.37) for metric in metrics]
    return pd.DataFrame(rows, columns=list(COLUMNS))
