"""Four questions to what was measured. A wrong adapter shows in what a right one cannot do, however badly it was trained:

error   it denoises better than the mean image and z do, the more so the less noise there is, and best when told z's own lambda:
        E[x | z] is the best guess, so that any other lambda told to the network makes it worse. A wrong target shows in the
        first, a wrong map from lambda to the network's own level in the last
null    its null prediction is no class's, differs from the conditional one, and is better than that for a wrong label, which a
        class's in its place would not be
labels  right labels do better than wrong ones, in pairs
range   E[x^] = E[x] and x regressed on x^ has slope 1, as of every conditional mean; data in another range than the network's are
        drawn towards its own mean (bias) and by its own spread (slope)
"""

from dataclasses import dataclass

from torch import Tensor

from experiments.checking.measured import ALIKE, Measured

ERRORS = 3.0  # standard errors that a difference must have to be one
STRICT = 3.5  # |lambda| within which it must beat the trivial denoiser
GAIN = 0.04  # of the error: what being told another lambda must bring to count
BIAS, SLOPE = 0.15, 1.5  # of a standard deviation of the data; times or divided by
INFORMED = 0.15  # of the data's variance that x^ must explain for its slope to mean something
LOUD = 0.25  # eps error below STRICT, where any right network's is near 0: z is eps


@dataclass(frozen=True)
class Verdict:
    """passed None: the question does not arise."""

    question: str
    passed: bool | None
    why: str

    def __str__(self) -> str:
        return f"{ {True: 'passed', False: 'FAILED', None: 'none'}[self.passed]:8}{self.question:8}{self.why}"


def verdicts(measured: Measured) -> tuple[Verdict, ...]:
    """One for each question."""
    tables = [measured.x, measured.eps, measured.bias, *(part for part in (measured.null, measured.wrong) if part is not None)]
    if not all(table.isfinite().all() for table in tables):
        return tuple(Verdict(name, False, "predictions are not finite") for name in ("error", "null", "labels", "range"))
    return _error(measured), _null(measured), _labels(measured), _range(measured)


def _error(m: Measured) -> Verdict:
    level = m.levels.tolist()
    better, strict = m.x.mean(1) < m.trivial, m.levels.abs() <= STRICT
    for k in strict.logical_not().logical_and(m.levels < 0).nonzero().flatten().tolist():
        if m.eps[k].mean() > LOUD:
            said = f"eps error {m.eps[k].mean():.2f} at lambda {level[k]:.1f}, where z is nearly eps"
            return Verdict("error", False, f"{said}: is its target the right one?")
    if not better[strict].all():
        k = int((strict & ~better).nonzero()[0])
        said = (
            f"at lambda {level[k]:.1f} the error of x is {m.x[k].mean():.3g}, that of the mean image or of z {m.trivial[k]:.3g}"
        )
        return Verdict("error", False, f"{said}: are target, map of lambda and data range the right ones?")
    if len(off := misled(m)) >= 2:
        said = ", ".join(f"{off[k]:+.1f} at lambda {level[k]:.1f}" for k in off)
        return Verdict(
            "error", False, f"it denoises better when told another lambda ({said}): is the map to its own level right?"
        )
    for k in range(len(level) - 1):
        rise = m.x[k + 1] - m.x[k]
        if level[k] >= -STRICT and rise.mean() > ERRORS * standard_error(rise):
            return Verdict("error", False, f"the error of x rises from lambda {level[k]:.1f} to {level[k + 1]:.1f}")
    for k in range(len(level)):
        excess = m.eps[k] - 1
        if excess.mean() > 0.05 + ERRORS * standard_error(excess):
            return Verdict("error", False, f"eps error {m.eps[k].mean():.2f} at lambda {level[k]:.1f}: above that of eps^ = 0")
    share = (m.x.mean(1) / m.trivial)[strict]
    said = f"the error of x falls, {share.min():.2f} to {share.max():.2f} of the trivial one for |lambda| < {STRICT:g}"
    return Verdict("error", True, f"{said}; z's own lambda is the best to be told")


def _null(m: Measured) -> Verdict:
    if m.null is None or m.null_size is None:
        return Verdict("null", None, f"there is no null label ({m.no_null}): methods that need one cannot be used")
    if m.null_is is not None:
        return Verdict("null", False, f"the null prediction is that of class {m.null_is}: the null label is another id")
    size = (m.null_size.mean(1) / m.x.mean(1))[m.band].mean()
    if size < ALIKE:
        return Verdict("null", False, "null and conditional predictions are the same: is the label passed on?")
    gain, error = paired(m, m.null, m.x)
    if gain < -ERRORS * error:
        return Verdict(
            "null", False, f"the null label does better than the right ones, by {-gain:.1%} +- {error:.1%} of the error"
        )
    if m.wrong is not None:
        lead, error_of = paired(m, m.wrong, m.null)
        if not lead > ERRORS * error_of:
            said = f"{lead:+.1%} +- {error_of:.1%} of the error"
            return Verdict("null", False, f"the null label does no better than a wrong label ({said}): was it trained?")
    return Verdict("null", True, f"null and conditional differ by {size:.1%} of the error; null {gain:+.1%} +- {error:.1%} worse")


def _labels(m: Measured) -> Verdict:
    if m.wrong is None:
        return Verdict("labels", None, "the world has one class")
    lead, error = paired(m, m.wrong, m.x)
    said = f"wrong labels {lead:+.1%} +- {error:.1%} of the error of right ones"
    if lead > ERRORS * error:
        return Verdict("labels", True, said)
    more = "are its classes in the world's order? (a small effect needs a larger --n)"
    return Verdict("labels", False, f"{said}: {more}")


def _range(m: Measured) -> Verdict:
    spread = m.variance**0.5
    worst, steepest = 0.0, 1.0
    for k in _trusted(m):
        bias, error = m.bias[k].mean().item() / spread, standard_error(m.bias[k]) / spread
        if abs(bias) > BIAS + ERRORS * error:
            said = f"x^ is off by {bias:+.2f} standard deviations of the data at lambda {m.levels[k]:.1f}"
            return Verdict("range", False, f"{said}: is the network's data_range the right one?")
        worst = max(worst, bias, key=abs)
        if m.power[k].mean() < INFORMED * m.variance:
            continue
        slope = (m.along[k].sum() / m.power[k].sum()).item()
        noise = standard_error(m.along[k] - slope * m.power[k]) / m.power[k].mean().item()
        if not 1 / (SLOPE + ERRORS * noise) < slope < SLOPE + ERRORS * noise:
            said = f"x regressed on x^ has the slope {slope:.2f} at lambda {m.levels[k]:.1f}"
            return Verdict("range", False, f"{said}: is the network's data_range the right one?")
        steepest = max(steepest, slope, key=lambda value: abs(value - 1))
    return Verdict("range", True, f"bias of x^ up to {worst:+.2f} standard deviations, slope of x on x^ {steepest:.2f} at most")


def _trusted(m: Measured) -> list[int]:
    """Levels of the band at which an error in eps is not yet a large one in x."""
    return ((m.levels >= -STRICT) & m.band).nonzero().flatten().tolist()


def misled(m: Measured) -> dict[int, float]:
    """The levels at which it denoises significantly better when it is told another lambda than z's, and how much more that is.

    Not below -STRICT, where x^ = (z - sigma eps^) / alpha multiplies the error of a network that predicts eps, the less the more
    lambda it is told.
    """
    found = {}
    for k in _trusted(m):
        gains = {}
        for offset, errors in m.told:
            gain = (m.x[k] - errors[k]) / m.x[k].mean()
            if gain.isfinite().all() and gain.mean() > max(ERRORS * standard_error(gain), GAIN):
                gains[offset[k].item()] = gain.mean().item()
        if gains:
            found[k] = max(gains, key=lambda offset: gains[offset])
    return found


def paired(m: Measured, worse: Tensor, better: Tensor) -> tuple[float, float]:
    """Mean and standard error of worse - better over images, as a share of the error at each level, over the band's levels."""
    share = ((worse - better) / m.x.mean(1, keepdim=True))[m.band].mean(0)
    return share.mean().item(), standard_error(share)


def standard_error(values: Tensor) -> float:
    """Of the mean of values (n,)."""
    return (values.std() / len(values) ** 0.5).item()
