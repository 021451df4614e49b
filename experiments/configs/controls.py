"""What the papers say fails: `guidance-bench study controls` on the digits, with the networks of `study digits`, and
`guidance-bench study controls-exact` with the exact denoiser of digits-exact.

The score scaled (temperature) and the noise shrunk, beside classifier-free guidance (Dhariwal & Nichol, appendix G).
"""

from experiments.configs.digits import FULL as DIGITS_FULL
from experiments.configs.digits import PAPER
from experiments.configs.digits import QUICK as DIGITS
from experiments.configs.digits_exact import QUICK as DIGITS_EXACT
from experiments.study_config import Method, Sweep

METHODS = (Method(name="classifier-free"), Method(name="temperature"), Method(name="shrunk-noise"))
SWEEPS = (Sweep(sampler=PAPER, ws=(0.0, 0.1, 0.2, 0.3, 0.5, 1.0)),)

QUICK = DIGITS.model_copy(update={"name": "controls", "methods": METHODS, "sweeps": SWEEPS, "sample_seeds": (0, 1, 2)})
FULL = DIGITS_FULL.model_copy(update={"name": "controls", "methods": METHODS, "sweeps": SWEEPS})
EXACT = DIGITS_EXACT.model_copy(update={"name": "controls-exact", "methods": METHODS, "denoiser": None, "classifier": None})
STUDIES = {"quick": QUICK, "full": FULL}
EXACT_STUDIES = {"quick": EXACT, "full": EXACT}
