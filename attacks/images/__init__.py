"""Attacks that serve images alone."""
