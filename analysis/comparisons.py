"""By what methods are compared on every feature network of a world: no ranking rests on one."""

from collections.abc import Iterable

from analysis.metrics import Comparison, comparison, metric


def comparisons(columns: Iterable[str]) -> list[Comparison]:
    """That of `analysis.metrics.comparison`, and the same quality on each other feature network, in the order of the columns.

    ValueError as there.
    """
    left = list(columns)
    found = [comparison(left)]
    kind = metric(found[0].quality).name
    while True:
        left = [name for name in left if metric(name).of != metric(found[-1].quality).of]
        try:
            other = comparison(left)
        except ValueError:
            return found
        if metric(other.quality).name != kind:
            return found
        found.append(other)
