"""Cohorts that have names: those of the challenge, images, genomes, simulated stand-ins, and datasets from code."""
