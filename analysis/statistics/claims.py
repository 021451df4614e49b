"""What a table of verdicts entitles anyone to say about how many methods are plain guidance with another w."""

from dataclasses import dataclass

import pandas as pd

from analysis.statistics.paired import LEVEL
from analysis.statistics.verdicts import MARGIN, VERDICTS

SAME = "no different from plain guidance"  # of methods on another network, for which "another w" has no meaning


@dataclass(frozen=True)
class Counts:
    """How many methods of one world have which verdict. hidden: the share of a span that an undecided one may hide, their median;
    NaN where none is.
    """

    methods: int
    another_w: int
    no_effect: int
    better: int
    worse: int
    mixed: int
    neither: int
    undecided: int
    units: int
    over: str
    hidden: float

    @property
    def different(self) -> int:
        """Shown to differ, in whatever way."""
        return self.better + self.worse + self.mixed + self.neither

    @property
    def most(self) -> bool:
        """Whether more than half of all methods are shown to be plain guidance with another w; undecided ones are not."""
        return 2 * self.another_w > self.methods

    @property
    def most_differ(self) -> bool:
        """Whether more than half of all methods are shown to differ."""
        return 2 * self.different > self.methods


def counts(compared: pd.DataFrame) -> Counts:
    """Of the rows of one world, as `analysis.statistics.verdicts.verdicts` makes them or compared.csv holds them.

    ValueError for no row, for several worlds, and for a verdict that is not in VERDICTS.
    """
    if compared.empty:
        raise ValueError("no method is compared: there is nothing to count")
    if "world" in compared and compared["world"].nunique() > 1:
        raise ValueError(f"the table holds the worlds {', '.join(compared['world'].unique())}: give the rows of one")
    short = {words: word for word, words in VERDICTS.items()}
    if unknown := sorted(set(compared["verdict"]) - set(short)):
        raise ValueError(f"there is no verdict {unknown[0]!r}: run analysis.statistics.verdicts again")
    number = compared["verdict"].map(short).value_counts()
    kinds = {"another_w": "another w", "no_effect": "no effect", "neither": "different"}
    of = {name: int(number.get(kinds.get(name, name), 0)) for name in _KINDS}
    known, hidden = compared[compared["units"] > 0], compared.loc[compared["verdict"] == VERDICTS["undecided"], "hidden"]
    units, over = (int(known["units"].min()), str(known["over"].iloc[0])) if len(known) else (0, "runs")
    return Counts(methods=len(compared), **of, units=units, over=over, hidden=float(hidden.median()))


_KINDS = ("another_w", "no_effect", "better", "worse", "mixed", "neither", "undecided")


def claim(compared: pd.DataFrame, elsewhere: bool = False) -> str:
    """The sentence about one world that its verdicts carry; where it says "most", more than half are shown to be so.

    elsewhere: the methods stand on other networks than plain guidance, so that none of them is plain guidance with another w.
    """
    found, of = counts(compared), " on other networks" if elsewhere else ""
    same = SAME if elsewhere else "plain guidance with another w"
    nothing = f"be {SAME} at w = 0" if elsewhere else "do nothing at these strengths"
    ways = ((found.better, "better"), (found.worse, "worse"), (found.mixed, "both"), (found.neither, "neither"))
    shown = ", ".join(f"{number} {word}" for number, word in ways if number)
    apart = f"{found.different} differ{'s' * (found.different == 1)} from plain guidance"
    told = (
        (found.another_w, f"{_are(found.another_w)} shown to be {same}"),
        (found.no_effect, f"{_are(found.no_effect)} shown to {nothing}"),
        (found.different, f"{apart} (at equal diversity, where they can be compared, {shown})"),
        (found.undecided, f"{_are(found.undecided)} undecided"),
    )
    hidden = f"{found.hidden:.0%} of it" if found.hidden < 1 else f"{found.hidden:,.1f} times it"
    open_ = f"; half of the undecided may differ by {hidden} or more unseen" if found.hidden == found.hidden else ""
    most = "it is not shown that most methods are"
    if found.most or found.most_differ:
        most = "most methods are" if found.most else "most methods are not"
    verdicts = ", ".join(text for number, text in told if number)
    return (
        f"Of {found.methods} methods{of} {verdicts} ({found.units} {found.over}; margin {MARGIN:.0%} of the span of plain "
        f"guidance's curve; tests at {LEVEL:.0%} after Holm over all methods{open_}): {most} {same}."
    )


def _are(count: int) -> str:
    return f"{count} {'is' if count == 1 else 'are'}"
