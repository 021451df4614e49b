"""Worlds with an exact oracle: what is sampled beside what is claimed, the method's part and the networks', and their errors."""

import pandas as pd

from analysis.figures import exact as figures
from analysis.metrics import comparison, metric
from analysis.reports import common
from analysis.reports.explore import W, explorer
from analysis.reports.html import Section
from analysis.reports.parts import by_world, listed, picture, section, seeds, spread_words
from analysis.reports.plane import plane_sections
from analysis.reports.report import Report
from analysis.reports.two_scales import grid_of_all, two_scales
from analysis.results import Results

SHARE = """\
The Fréchet distance is taken to the exact moments, so that one of its two sides has no sampling noise; the grey line is what as
many exact draws read. What is there with the exact denoiser is the method's and the sampler's doing; the rest the networks'."""
COLUMNS = ["quantity", "logsnr", "value", "train_seed"]
ERRORS = {  # name of the figure: its title, what is drawn, whether its axis is logarithmic
    "denoiser_error": (
        "Mean squared error of eps",
        {
            "eps_irreducible": "of the exact denoiser,\nagainst the noise",
            "eps_conditional": "network, conditional,\nagainst the exact",
            "eps_null": "network, unconditional,\nagainst the exact",
        },
        True,
    ),
    "difference_error": (
        "Guided difference eps_cond − eps_null, mean square",
        {"difference_size": "exact difference", "difference": "the network's\nerror of it"},
        True,
    ),
    "classifier_error": (
        "Noise-aware classifier against the exact p(c|z)",
        {"kl_classifier": "KL(exact || network),\nnats", "calibration": "calibration error"},
        True,
    ),
    "agreement": (
        "Cosine with the exact direction",
        {"difference_cosine": "eps_cond − eps_null", "gradient_cosine": "grad log p(c|z)"},
        False,
    ),
    "accuracy": (
        "Accuracy of the noise-aware classifier",
        {"accuracy_classifier": "network", "accuracy_exact": "exact p(c|z)"},
        False,
    ),
}


def report(results: Results) -> Report:
    """The report of a study of exact worlds: table, summary and, of trained networks, network_error.csv."""
    several = "{world}_" if len(results.worlds) > 1 else ""
    plot = explorer(results, _axes, several + "kl_tilted_against_w")
    sections = [*common.failed(results), *plot, *by_world(results, _sections), *common.closing(results)]
    tables = {"table": results.table, "summary": results.summary, **grid_of_all(results)}
    errors = results.tables.get("network_error")
    if errors is not None and len(errors):
        several = ["world"] if len(results.worlds) > 1 else []
        tables["network_error"] = errors[[*several, *COLUMNS]]
    found = common.told(results)
    text = common.beginning(found, common.summary_text(results))
    return Report(results.title, _intro(results), sections, tables, text, found)


def _intro(results: Results) -> str:
    twice = " Every cell is there twice: with the exact denoiser and classifier, and with trained networks."
    sizes = " and ".join(str(n) for n in dict.fromkeys(results.n.values()))
    spread = spread_words(results)
    methods = [method for method in results.methods if not method.endswith(figures.EXACT)]
    return (
        f"{listed(methods)} in a world whose density, score, "
        "denoiser and classifier are known in closed form, so that what is sampled can be compared with what is claimed."
        f"{twice if _both(results) else ''} A cell is one method at one w, one sampler, one number of levels T and one seed: "
        f"{sizes} samples. {seeds(results)}.{spread}"
    )


def _axes(results: Results) -> tuple[str, str]:
    return W, comparison(results.columns).quality


def _both(results: Results) -> list[str]:
    """The methods that were sampled with the exact denoiser and with networks."""
    return [method for method in results.methods if method + figures.EXACT in results.methods]


def _sections(results: Results) -> list[Section]:
    sections = plane_sections(results) if results.world.in_the_plane else [_share(results), common.samples(results)]
    errors = results.tables.get("network_error")
    if errors is not None and len(errors):
        sections.append(_errors(errors))
    return [
        *sections,
        *two_scales(results),
        *common.networks(results),
        common.conditional_model(results),
        common.cost(results),
        common.provenance(results),
    ]


def _share(results: Results) -> Section:
    """How much of the distance is the method's and how much the networks'."""
    at, parts = {"sampler": results.sampler, "steps": results.steps}, []
    order = [one.removesuffix(figures.EXACT) for one in results.methods]
    for method in (one for one in dict.fromkeys(order) if one in _both(results)):
        for name in ("frechet_exact", "frechet_class_exact"):
            words = f"{metric(name).axis}, {method}: the method's part and the networks'"
            parts.append(picture(f"{name}_{method}", words, words, figures.share_of_network, results.summary, name, method, **at))
    words = "Accuracy, log density and spread against w, with the exact denoiser and with networks"
    shown = [name for name in ("accuracy_exact", "nll_exact", "std_within_class") if name in results.columns]
    caption = f"{words}; by the exact classifier and density."
    parts.append(picture("accuracy_nll_spread", words, caption, figures.methods_against_w, results.summary, shown, **at))
    return section("The method's part and the networks'", SHARE, *parts, common.main_table(results))


def _errors(errors: pd.DataFrame) -> Section:
    shown = [
        picture(name, title, f"{title}, against lambda.", figures.error_against_logsnr, errors, words, title, log=log)
        for name, (title, words, log) in ERRORS.items()
    ]
    return section("The networks' error against lambda", "On test draws, where the exact values are known.", *shown)
