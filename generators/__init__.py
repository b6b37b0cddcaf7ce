"""Generators of synthetic data: one file, one generator; the file name is its name."""
