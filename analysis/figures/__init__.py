"""Figures: pure functions from a summary, a density or samples to a matplotlib Figure; one style, one colour a method."""
