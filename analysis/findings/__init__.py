"""What a study found, in a few sentences with numbers: what its report begins with."""

from analysis.figures.training import whole
from analysis.findings import cheapest, exact, guides, methods, steps, tradeoff, two_scales
from analysis.findings.words import SHOWN, first_of_each
from analysis.results import Results

MANY = 6  # methods besides plain guidance: then the comparison is what the study is about, and comes first


def found(results: Results) -> list[str]:
    """Sentences, the first ones of every world before the rest; what was not measured is not told, and a study without numbers
    has the one that says so. What the quality of plain guidance costs at least comes first of all in a comparison of MANY
    methods, whose answer it is, and else after what guidance does.

    Every sentence names its n, the units of its interval and, of distances of features, the network behind them. What is shown
    to be within a margin, or lies inside the noise, is called equivalent, undecided or a tie.
    """
    told: list[list[str]] = []
    answers: list[str] = []
    for world in results.worlds:
        part = results.of(world)
        kinds = [two_scales, steps, exact, tradeoff, methods] if not part.world.guides else [guides, exact]
        many = len([name for name in part.methods if whole(name)]) > MANY and not part.world.guides
        if many:
            kinds = [two_scales, methods, tradeoff, exact]
        texts = [] if part.table.empty else [text for kind in kinds for text in kind.sentences(part)]
        answer = cheapest.sentences(part) if texts and methods in kinds else []
        begin = f"{world}: " if len(results.worlds) > 1 else ""
        told.append([begin + text for text in (texts if many else [*texts[:1], *answer, *texts[1:]])])
        answers += [begin + text for text in answer if many]
    return [*answers, *first_of_each(told, SHOWN - len(answers))] or ["Nothing that was sampled could be measured."]


__all__ = ["found"]
