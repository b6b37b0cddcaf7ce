"""Cohorts: the known ones, import, fetch, and the embedded simulated stand-ins."""
