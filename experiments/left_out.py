"""Which measures of features a set is too small for, and what they need: the rules and numbers of analysis.measures.further."""

from collections.abc import Iterator

from analysis.measures.density_coverage import K
from analysis.measures.extrapolation import least
from analysis.measures.further import MAX_EXTRAPOLATED, PER_CLASS
from analysis.metrics import column


def left_out(found: set[str], suffix: str, d: int, m: int, labelled: bool) -> str:
    """Those that are not among the columns found, as "density, coverage (n >= 6)"; "" where none lacks images.

    d: the width of the features. m: the rows of the reference. labelled: whether the samples' classes are known.
    """
    lacking = [([name for name in names if column(name, suffix) not in found], need) for names, need in _needs(d, m, labelled)]
    return "; ".join(f"{', '.join(names)} ({need})" for names, need in lacking if names)


def _needs(d: int, m: int, labelled: bool) -> Iterator[tuple[tuple[str, ...], str]]:
    yield ("density", "coverage", "clipped_density", "clipped_coverage"), f"n >= {K + 1} in both sets"
    yield ("mind",), f"n <= {m:,}, the images of the reference"
    if d <= MAX_EXTRAPOLATED:
        yield ("fid_infinity",), f"n >= {least(d):,}"
    if labelled:
        yield ("vendi_class",), f"n >= {PER_CLASS} of each class"
