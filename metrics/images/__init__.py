"""Metrics that serve images alone."""
