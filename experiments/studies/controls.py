"""Negative controls of the papers: `guidance-bench study controls` on the digits, with the networks of `study digits`, and
`guidance-bench study controls-exact` with the exact denoiser of digits-exact.

The score scaled (temperature) and the noise shrunk, compared with classifier-free guidance (Dhariwal & Nichol, appendix G).
"""

from dataclasses import replace

from experiments.studies.digits import FULL as DIGITS_FULL
from experiments.studies.digits import PAPER
from experiments.studies.digits import QUICK as DIGITS
from experiments.studies.digits_exact import QUICK as DIGITS_EXACT
from experiments.studies.sweep import Sweep

METHODS = ("classifier-free", "temperature", "shrunk-noise")
SWEEPS = (Sweep(sampler=PAPER, steps=32, ws=(0.0, 0.1, 0.2, 0.3, 0.5, 1.0)),)

QUICK = replace(DIGITS, name="controls", methods=METHODS, sweeps=SWEEPS, sample_seeds=(0, 1, 2))
FULL = replace(DIGITS_FULL, name="controls", methods=METHODS, sweeps=SWEEPS)
EXACT = replace(DIGITS_EXACT, name="controls-exact", methods=METHODS, model=None, classifier=None)
STUDIES = {"quick": QUICK, "full": FULL}
EXACT_STUDIES = {"quick": EXACT, "full": EXACT}
