"""Measures of arrays: of samples, of their features, and of points whose density is known; docs/measures.md defines them."""
