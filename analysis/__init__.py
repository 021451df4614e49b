"""Measures, the one tidy table, figures and reports. Knows arrays and tables, never models."""
