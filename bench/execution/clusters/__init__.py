"""Runs on Dask and on Slurm: jobs that machines elsewhere do by the same function, and how each proves its state."""
