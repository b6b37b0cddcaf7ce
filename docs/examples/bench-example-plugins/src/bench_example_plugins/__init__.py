"""Plugins for omics-bench."""
