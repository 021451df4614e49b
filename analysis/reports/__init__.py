"""Reports: pure functions of `analysis.results.Results`."""

from collections.abc import Callable, Mapping

from analysis.reports import benchmark, claims, comparison, exact, guides, paper_adm, paper_cfg, tradeoff
from analysis.reports.report import Report
from analysis.results import Results

REPORTS: Mapping[str, Callable[[Results], Report]] = {
    "trade-off": tradeoff.report,
    "exact": exact.report,
    "comparison": comparison.report,
    "guides": guides.report,
    "paper-cfg": paper_cfg.report,
    "paper-adm": paper_adm.report,
    "benchmark": benchmark.report,
    "claims": claims.report,
}

__all__ = ["REPORTS", "Report"]
