"""Statistics of a table: differences paired by run, choices made on other seeds, verdicts, rankings and Pareto fronts."""
