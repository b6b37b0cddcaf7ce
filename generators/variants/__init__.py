"""Generators of genetic variants: one file each, found by their decorators."""
