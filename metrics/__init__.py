"""Measures of fidelity and utility: one file, one metric; the file name is its name."""
