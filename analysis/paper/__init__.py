"""Figures and tables in the papers' own layout, a study's numbers beside those that were printed (`analysis.reference`)."""
